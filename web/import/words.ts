// Why a file was not taken: failure reasons of DICOM (PS3.18 I.2.2, PS3.4 B.2.3), or a status of HTTP.

import { text } from "../shell/text";

/** In words; `reason` below 0: the status of an answer that told of no instances. */
export function reasonText(reason: number): string {
  if (reason === -413) return text("The file is larger than the server takes.");
  if (reason < 0) return text("The server answered {status}.", { status: -reason });
  const code = reason.toString(16).toUpperCase().padStart(4, "0");
  switch (true) {
    case reason === 0x0110:
      return text("It could not be stored ({code}). Try again; if it stays so, tell an administrator.", { code });
    case reason === 0x0124:
      return text("Not authorized ({code}).", { code });
    case reason >= 0xa700 && reason <= 0xa7ff:
      return text("The server has no room for it, or it is too large ({code}).", { code });
    case reason >= 0xa900 && reason <= 0xa9ff:
      return text("It does not fit its class or its study ({code}).", { code });
    case reason >= 0xc000 && reason <= 0xcfff:
      return text("It cannot be read as DICOM: damaged, or not whole ({code}).", { code });
    default:
      return text("Refused ({code}).", { code });
  }
}
