/** What an agent offers to whoever runs it: the command, the fleet, tests. */
import type { DeviceHealth } from '#contracts/device-report.ts';
import type { Whereabouts } from '#contracts/record.ts';
import type { LinkCounters } from './city-link.ts';
import type { Press, ScreenView } from './ports.ts';
import type { PositionFix } from './stops/find-stop.ts';

export type Position = NonNullable<DeviceHealth['position']>;
export type AgentState = 'waiting' | 'reading' | 'answered' | 'cooling' | 'out-of-order';
export type AnswerListener = (view: ScreenView, recordId: string | null) => void;

export interface Agent {
  /** Begins to take cards and to look for the city. */
  start(): Promise<void>;
  /** Lets the card in hand be answered, then stops reader and uplink. */
  stop(): Promise<void>;
  state(): AgentState;
  /** Where the vehicle is; goes into the next records and reports. */
  setWhereabouts(where: Whereabouts, position?: Position, nextStopId?: string): void;
  /** A position of the receiver; with the stops of the device folder it says at which stop the next taps are. */
  observe(fix: PositionFix): void;
  /** Records that a shift begins on a route; false when the journal cannot take it now. */
  openShift(where: Whereabouts, source?: 'plan' | 'driver'): boolean;
  closeShift(source?: 'plan' | 'driver'): boolean;
  /** Ends the pauses between tries, of connecting and of offering. For whoever waits for an empty journal. */
  deliver(): void;
  view(): ScreenView;
  /** A key of the panel was pressed. What does not fit what stands there does nothing. */
  press(press: Press): void;
  /** Hears every answer with the id of its record (null: none could be written). The result unsubscribes. */
  onAnswer(listener: AnswerListener): () => void;
  health(): DeviceHealth;
  /** Counters for tests and diagnosis, beyond what health reports. */
  counters(): AgentCounters & LinkCounters;
}

export interface AgentCounters {
  accepted: number;
  refused: number;
  repeated: number;
  /** Greens that pay for companions only. */
  companions: number;
  /** Greens that pay for baggage only. */
  bags: number;
  /** Greens against which a debt stands in the deny list (scope `paid`). */
  acceptedInDebt: number;
  refusalsNotRecorded: number;
  /** Rides that other doors of the vehicle told of. */
  ridesHeard: number;
  latencyMsMax: number;
}
