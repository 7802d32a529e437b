// The server writes times for the reader's time zone, which only the browser knows: it says so once.

/** Tell the server, by a cookie, which time zone this browser is in. */
export function sayTimeZone(): void {
  const zone = encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone);
  if (!document.cookie.split("; ").includes(`iryo_zone=${zone}`)) {
    document.cookie = `iryo_zone=${zone}; path=/; max-age=31536000; samesite=strict`;
  }
}
