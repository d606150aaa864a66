type Listener<Detail> =
  | ((event: CustomEvent<Detail>) => void)
  | { handleEvent(event: CustomEvent<Detail>): void }
  | null

/** An `EventTarget` whose events are `CustomEvent`s, `Details[name]` being the `detail` of each. */
export class TypedEventTarget<Details> extends EventTarget {
  override addEventListener<Name extends keyof Details & string>(
    name: Name,
    listener: Listener<Details[Name]>,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(name, listener as EventListenerOrEventListenerObject, options)
    this.listenedTo()
  }

  /** Somebody has begun to listen. */
  protected listenedTo(): void {}

  override removeEventListener<Name extends keyof Details & string>(
    name: Name,
    listener: Listener<Details[Name]>,
    options?: boolean | EventListenerOptions,
  ): void {
    super.removeEventListener(name, listener as EventListenerOrEventListenerObject, options)
  }

  /** Tells the listeners, now. For the class itself, not for its users. */
  protected emit<Name extends keyof Details & string>(name: Name, detail: Details[Name]): void {
    this.dispatchEvent(new CustomEvent(name, { detail }))
  }
}
