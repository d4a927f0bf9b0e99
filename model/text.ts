/** A text that a person reads, in both languages of the site, equally. */
export interface Text {
  readonly zh: string;
  readonly en: string;
}
