/**
 * Encrypts the secrets that a store keeps: API-key secrets and provider keys. AES-256-GCM under a master key
 * that is not in the database, a random nonce per value, each value bound to the table, row and column it
 * is in, so that a value moved to another row does not open. Knows no database and logs nothing.
 *
 * A sealed value: key version (1 byte), nonce (12), tag (16), ciphertext.
 */

import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { MasterKeyError } from "./errors.ts";

const CIPHER = "aes-256-gcm";
const MASTER_KEY_BYTES = 32;
const KEY_VERSION = 1;
// 96 random bits stay clear of a repeat for 2^32 values under one key (NIST SP 800-38D, 8.3).
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + NONCE_BYTES + TAG_BYTES;

/** Where a sealed value is kept. */
export interface SealedPlace {
  readonly table: string;
  readonly rowId: string;
  readonly column: string;
}

const CHECK_PLACE: SealedPlace = { table: "meta", rowId: "vault_check", column: "value" };
const CHECK_TEXT = "meshagent master key check";

/** A new random master key. */
export function newMasterKey(): Secret {
  return new Secret(randomBytes(MASTER_KEY_BYTES).toString("base64"));
}

/**
 * Reads a master key: 32 bytes in base64, white space around it ignored. Throws `MasterKeyError` for
 * anything else, without repeating the text.
 */
export function parseMasterKey(text: string): Secret {
  const trimmed = text.trim();
  const bytes = Buffer.from(trimmed, "base64");
  const canonical = bytes.toString("base64");
  const isCanonical = canonical === trimmed || canonical === `${trimmed}=`;
  if (bytes.length !== MASTER_KEY_BYTES || !isCanonical) {
    throw new MasterKeyError(
      "The master key must be 32 bytes in base64 (44 characters). Make one with: openssl rand -base64 32",
    );
  }
  return new Secret(canonical);
}

/** Seals and opens secrets under one master key. */
export class Vault {
  readonly #key: KeyObject;

  /** `masterKey` as `parseMasterKey` or `newMasterKey` gives it. */
  constructor(masterKey: Secret) {
    this.#key = createSecretKey(Buffer.from(parseMasterKey(masterKey.reveal()).reveal(), "base64"));
  }

  /** Encrypts a secret for one place. Never gives the same bytes twice. */
  seal(secret: Secret, place: SealedPlace): Uint8Array {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, nonce).setAAD(boundTo(place, KEY_VERSION));
    const ciphertext = Buffer.concat([cipher.update(secret.reveal(), "utf8"), cipher.final()]);
    return Buffer.concat([Buffer.of(KEY_VERSION), nonce, cipher.getAuthTag(), ciphertext]);
  }

  /** Decrypts what `seal` made for the same place. Throws `MasterKeyError` when it does not open. */
  open(sealed: Uint8Array, place: SealedPlace): Secret {
    const version = sealed[0];
    if (version !== KEY_VERSION || sealed.length < HEADER_BYTES) {
      throw new MasterKeyError(
        `The secret in ${place.table}.${place.column} is of key version ${version}, and this version of the ` +
          `gateway knows ${KEY_VERSION} only. Run the version that wrote it.`,
      );
    }
    const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
    const decipher = createDecipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES })
      .setAAD(boundTo(place, version))
      .setAuthTag(sealed.subarray(1 + NONCE_BYTES, HEADER_BYTES));
    try {
      const clear = Buffer.concat([decipher.update(sealed.subarray(HEADER_BYTES)), decipher.final()]);
      return new Secret(clear.toString("utf8"));
    } catch (cause) {
      throw new MasterKeyError(
        `The secret in ${place.table}.${place.column} does not open: it was changed, moved, or encrypted ` +
          "with another master key.",
        { cause },
      );
    }
  }

  /** A key of its own for one purpose (RFC 5869): it tells nothing of the master key, nor of another purpose's. */
  deriveKey(purpose: string): KeyObject {
    const info = `meshagent ${purpose} ${KEY_VERSION}`;
    return createSecretKey(Buffer.from(hkdfSync("sha256", this.#key, "", info, MASTER_KEY_BYTES)));
  }

  /** A value to keep beside the secrets, by which a later start knows the master key. */
  makeCheck(): Uint8Array {
    return this.seal(new Secret(CHECK_TEXT), CHECK_PLACE);
  }

  /** Throws `MasterKeyError` unless this vault's master key is the one that made the check value. */
  verifyCheck(check: Uint8Array): void {
    try {
      this.open(check, CHECK_PLACE);
    } catch (cause) {
      throw new MasterKeyError(
        "The master key is not the one that this database was made with. Give back the old key " +
          "(MESHAGENT_MASTER_KEY, or the master key file in the data directory); without it the stored API " +
          "keys and provider keys cannot be read.",
        { cause },
      );
    }
  }
}

// JSON keeps the three names apart whatever characters they hold.
function boundTo(place: SealedPlace, keyVersion: number): Buffer {
  return Buffer.from(JSON.stringify([keyVersion, place.table, place.rowId, place.column]), "utf8");
}
