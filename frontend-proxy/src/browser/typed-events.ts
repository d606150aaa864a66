type Listener<Detail> =
  | ((event: CustomEvent<Detail>) => void)
  | { handleEvent(event: CustomEvent<Detail>): void }
  | null

/** An `EventTarget` with `CustomEvent`s. `Details` maps the name of each event to its `detail`. */
export class TypedEventTarget<Details> extends EventTarget {
  override addEventListener<Name extends keyof Details & string>(
    name: Name,
    listener: Listener<Details[Name]>,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(name, listener as EventListenerOrEventListenerObject, options)
    this.listenedTo()
  }

  /** Is called after each `addEventListener`. A subclass may override it. */
  protected listenedTo(): void {}

  override removeEventListener<Name extends keyof Details & string>(
    name: Name,
    listener: Listener<Details[Name]>,
    options?: boolean | EventListenerOptions,
  ): void {
    super.removeEventListener(name, listener as EventListenerOrEventListenerObject, options)
  }

  /** Dispatches an event. The listeners run before this method returns. */
  protected emit<Name extends keyof Details & string>(name: Name, detail: Details[Name]): void {
    this.dispatchEvent(new CustomEvent(name, { detail }))
  }
}
