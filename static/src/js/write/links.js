// URLs in documents: made whole, or refused. The server checks them again.
const SCHEMES = /^(https?:|mailto:|tel:|sms:)/i;

/** The URL as it is kept: a bare host gets https://, an address mailto:. Null for what may not be linked to. */
export function whole(typed) {
  const url = typed.trim();
  if (!url) return "";
  if (/^\{\{.*\}\}/.test(url) || SCHEMES.test(url)) return url;
  if (/^[a-z][a-z0-9+.-]*:(?!\d)/i.test(url) || url.startsWith("//")) return null;
  if (/^[^\s@/]+@[^\s@/]+\.[^\s@/]+$/.test(url)) return `mailto:${url}`;
  return `https://${url}`;
}

export const UTM = ["source", "medium", "campaign", "term", "content"];

/** The UTM values that are not empty; null without any. */
export function utmOf(values) {
  const kept = Object.entries(values ?? {}).filter(([name, value]) => UTM.includes(name) && value?.trim());
  return kept.length ? Object.fromEntries(kept) : null;
}
