/** The portal's environment. One schema: types, check and messages come from it. */
import { type Static, Type } from 'typebox';

export const PortalConfig = Type.Object({
  KVYTOK_PORTAL_LISTEN: Type.String({
    pattern: '^[^\\s:]+:[0-9]{1,5}$',
    default: '127.0.0.1:8080',
    description: 'address and port of the pages; port 0 takes a free one',
  }),
  KVYTOK_POSTGRES_URL: Type.String({
    pattern: '^postgres(ql)?://',
    description: 'PostgreSQL as portal_runtime',
  }),
  KVYTOK_CITY_DIR: Type.String({
    minLength: 1,
    default: 'cities/ternopil',
    description: 'folder of the city data (gtfs/, tariff/, city.yaml)',
  }),
  KVYTOK_PORTAL_OPEN_DATA_DIR: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'folder that kvytok open-data writes, served under /open-data; without it there is none',
    }),
  ),
  KVYTOK_PAYMENT_CALL_KEY_FILES: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'files with the secrets under which the payment provider signs its calls, with commas between; without them none is heard',
    }),
  ),
  KVYTOK_PORTAL_TRUSTED_PROXY: Type.Optional(
    Type.String({
      pattern: '^[0-9a-fA-F.:/,]+$',
      description:
        'address or network of the server in front, which says who asks; without it every asker is that server',
    }),
  ),
});
export type PortalConfig = Static<typeof PortalConfig>;

/** Host and port of `KVYTOK_PORTAL_LISTEN`. */
export function listenAddress(config: PortalConfig): { host: string; port: number } {
  const at = config.KVYTOK_PORTAL_LISTEN.lastIndexOf(':');
  return {
    host: config.KVYTOK_PORTAL_LISTEN.slice(0, at),
    port: Number(config.KVYTOK_PORTAL_LISTEN.slice(at + 1)),
  };
}
