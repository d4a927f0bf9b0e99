import type { SiteReply } from '../../gateway/http/contract.ts';

/** A text of the site in both languages. */
export type SiteText = SiteReply['name'];

/** The languages of the page; each is whole. */
export type Language = keyof SiteText;

/** The first language of the browser's list that the page has; English where it has none of them. */
export function preferredLanguage(browserLanguages: readonly string[]): Language {
  for (const tag of browserLanguages) {
    if (/^zh\b/i.test(tag)) return 'zh';
    if (/^en\b/i.test(tag)) return 'en';
  }
  return 'en';
}

/** BCP 47 tag for `lang` attributes and `Intl`. */
export const languageTag: Readonly<Record<Language, string>> = { zh: 'zh-CN', en: 'en-GB' };
