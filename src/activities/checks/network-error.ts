/** What went wrong between here and the server, in words of the person who has to mend it. */
export function describeNetworkError(error: unknown, url: URL): string {
  const code = codeOf(error);
  if (code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER')
    return `${url.host} does not speak TLS there (https asked of an http port?)`;
  const said =
    TLS[code] ??
    (code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') || /^(CERT|UNABLE_TO|CRL)_/.test(code)
      ? code
      : undefined);
  if (said) return `TLS is refused: ${said}`;
  const place = url.host;
  switch (code) {
    case 'ECONNREFUSED':
      return `nothing listens at ${place} (connection refused)`;
    case 'ENOTFOUND':
      return `the name ${url.hostname} does not exist (DNS)`;
    case 'EAI_AGAIN':
      return `the name ${url.hostname} cannot be looked up: DNS does not answer`;
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return `no connection to ${place} in time (a firewall, or the host is down)`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `no route to ${place} (${code})`;
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return `${place} closed the connection before its answer was whole`;
    case 'UND_ERR_HEADERS_OVERFLOW':
      return `${place} answers with more than 16 KiB of headers`;
    default:
      if (error instanceof Error && error.name === 'HTTPParserError')
        return `${place} does not answer in HTTP (${error.message})`;
      return `${place} cannot be asked: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Nothing listens there. */
export function isRefused(error: unknown): boolean {
  return codeOf(error) === 'ECONNREFUSED';
}

const TLS: Record<string, string> = {
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet (is the clock right?)',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'the chain ends in an authority that this host does not trust',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the chain is incomplete, or its authority is not trusted by this host',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the authority of the certificate is not trusted by this host',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another name',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'the server speaks only TLS older than 1.2',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the server speaks only TLS older than 1.2',
};

/** Both addresses of `localhost` refused come as one AggregateError. */
function codeOf(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code) return code;
    if (cause instanceof AggregateError) return codeOf(cause.errors[0]);
  }
  return '';
}
