/** The certificate and key that the gateway shows its callers: read from files, tried before they are used. */

import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { ConfigError } from "./config/config.ts";
import type { Config } from "./config/settings.ts";
import { errorText } from "./observe/log.ts";
import { readFile } from "./read-config.ts";

/** PEM texts. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** null for clear text. Throws a `ConfigError` that says which file is at fault, or that the two do not fit. */
export function readTls(config: Pick<Config, "tlsCert" | "tlsKey">): TlsFiles | null {
  if (config.tlsCert === null || config.tlsKey === null) return null;
  const tls = {
    cert: readFile("MESHAGENT_TLS_CERT", config.tlsCert),
    key: readFile("MESHAGENT_TLS_KEY", config.tlsKey),
  };
  try {
    createSecureContext(tls);
    certificateEndMs(tls);
  } catch (cause) {
    throw new ConfigError(
      `The certificate ${config.tlsCert} and the key ${config.tlsKey} cannot be used: ${errorText(cause)}. ` +
        "Both must be PEM, the key without a passphrase, and made for each other.",
      { cause },
    );
  }
  return tls;
}

/** When the first certificate of the chain, the gateway's own, ends. Milliseconds since the epoch. */
export function certificateEndMs({ cert }: TlsFiles): number {
  return new X509Certificate(cert).validToDate.getTime();
}
