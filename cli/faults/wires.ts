/** The wires of a rig: everything that one part says to another goes through a proxy that can fail. */
import { randomOf } from '../../simulators/city/random.ts';
import { type MqttProxy, startMqttProxy } from '../../simulators/faults/mqtt-proxy.ts';
import { startTcpProxy, type TcpProxy } from '../../simulators/faults/tcp-proxy.ts';

/** Wires to the broker, by who is at their other end. */
export const MQTT_WIRES = ['validators', 'ingest', 'lists'] as const;
/** Wires to the database. */
export const DATABASE_WIRES = ['ingest-database', 'fare-database'] as const;
export type MqttWire = (typeof MQTT_WIRES)[number];
export type DatabaseWire = (typeof DATABASE_WIRES)[number];
export type WireName = MqttWire | DatabaseWire;
export const WIRES: readonly WireName[] = [...MQTT_WIRES, ...DATABASE_WIRES];

export interface Wires {
  mqtt(name: MqttWire): MqttProxy;
  wire(name: WireName): TcpProxy;
  /** `mqtt://…` by which a client reaches the broker through its wire. */
  url(name: MqttWire): string;
  /** The same database address, through a wire. */
  through(name: DatabaseWire, databaseUrl: string): string;
  stop(): Promise<void>;
}

/** Opens all wires; what they lead to may be away. */
export async function openWires(options: {
  readonly databasePort: number;
  readonly brokerPort: number;
  readonly seed: number;
}): Promise<Wires> {
  const target = (port: number) => ({ target: { host: '127.0.0.1', port } });
  const chance = randomOf(options.seed, 'wires').next;
  const mqtt = new Map<MqttWire, MqttProxy>();
  for (const name of MQTT_WIRES)
    mqtt.set(name, await startMqttProxy({ ...target(options.brokerPort), chance }));
  const plain = new Map<DatabaseWire, TcpProxy>();
  for (const name of DATABASE_WIRES) plain.set(name, await startTcpProxy(target(options.databasePort)));
  const all = new Map<WireName, TcpProxy>([...mqtt, ...plain]);
  return {
    mqtt: (name) => mqtt.get(name) as MqttProxy,
    wire: (name) => all.get(name) as TcpProxy,
    url: (name) => `mqtt://127.0.0.1:${mqtt.get(name)?.port}`,
    through(name, databaseUrl) {
      const url = new URL(databaseUrl);
      url.port = String(plain.get(name)?.port);
      return url.href;
    },
    async stop() {
      await Promise.all([...all.values()].map((proxy) => proxy.stop()));
    },
  };
}
