/** A certificate of one's own for `localhost` and 127.0.0.1, which is its own authority. Made by openssl. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Certificate {
  /** PEM texts, and the files they are in. */
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Writes `NAME.cert.pem` and `NAME.key.pem` into the directory; `name` is also the certificate's organisation. */
export function makeCertificate(directory: string, name: string): Certificate {
  const certFile = join(directory, `${name}.cert.pem`);
  const keyFile = join(directory, `${name}.key.pem`);
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const subject = [
    "-subj",
    `/CN=localhost/O=${name}`,
    "-addext",
    "subjectAltName=DNS:localhost,IP:127.0.0.1",
  ];
  const files = ["-keyout", keyFile, "-out", certFile];
  execFileSync("openssl", ["req", "-x509", ...curve, ...subject, ...files], { stdio: "ignore" });
  return { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8"), certFile, keyFile };
}
