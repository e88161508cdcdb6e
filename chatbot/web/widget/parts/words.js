// The widget's words: a JSON file for each language.

const LANGUAGES = ['en', 'zh', 'de', 'fr', 'es', 'ja', 'ar'];
const RIGHT_TO_LEFT = /^(ar|fa|he|ur|ps|yi|dv|ckb|sd|ug)\b/;

/** The file that fits a language tag best. */
export function language(tag) {
  const first = tag.split('-')[0];
  return LANGUAGES.indexOf(first) >= 0 ? first : 'en';
}

/** Gives a text by its key, with `{name}` replaced; `t.language` and `t.direction` say how to set it. */
export function translator(words, tag) {
  const t = (key, values = {}) => (words[key] || key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
  t.language = language(tag);
  t.direction = RIGHT_TO_LEFT.test(t.language) ? 'rtl' : 'ltr';
  return t;
}
