/** Also the deadline of a tool that reads or writes a whole store: none hangs for ever, and no size ends one that works. */
export const dayMs = 86_400_000;
