/** Thrown to leave the forward path of a saga: to say no before the first change, to undo, to leave as is, or to refuse within an undo. */
export class TurnBack extends Error {
  constructor(
    readonly to: 'no-go' | 'undo' | 'stop' | 'refused',
    message: string,
    readonly problem?: string,
  ) {
    super(message);
  }
}
