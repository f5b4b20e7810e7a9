import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { EngineChild, type ChildProgram, type ChildStreamOptions } from './engine-child.ts';
import type { RecognizerStream, StreamListener } from './engine.ts';

export interface PoolLimits {
  /** Streams at once in all processes; one more is refused with SESSION_LIMIT. */
  readonly maxStreams: number;
  /** Streams in one process: they share one core, and one death. */
  readonly streamsPerChild: number;
  /** Processes kept, model loaded, while they have no stream. */
  readonly idleChildren: number;
}

/** One process, starting or running, and the places taken in it. */
interface Place {
  readonly child: Promise<EngineChild>;
  started?: EngineChild;
  streams: number;
}

/** The processes of one engine: started when a stream needs one, shared up to a limit, replaced when they die. */
export class EngineChildPool {
  readonly #program: () => Promise<ChildProgram>;
  readonly #limits: PoolLimits;
  readonly #clock: Clock;
  readonly #places = new Set<Place>();
  #closed = false;

  /** `program` is asked anew for each process, so that what was fetched meanwhile is found. */
  constructor(program: () => Promise<ChildProgram>, limits: PoolLimits, clock: Clock) {
    this.#program = program;
    this.#limits = limits;
    this.#clock = clock;
  }

  async open(options: ChildStreamOptions, listener: StreamListener): Promise<RecognizerStream> {
    const place = this.#reserve();
    try {
      const child = await place.child;
      return await child.open(options, listener, () => this.#release(place));
    } catch (error) {
      this.#release(place);
      throw error;
    }
  }

  /** The processes that run now. */
  pids(): number[] {
    return [...this.#places].flatMap(({ started }) => started?.pid ?? []);
  }

  /** Ends every process; open streams hear an error. Nothing can be opened after it. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#places].map((place) => this.#stop(place)));
  }

  #reserve(): Place {
    if (this.#closed)
      throw new CrossfadeError('ENGINE_FAILED', 'Expected an open engine, this one was closed.');
    const places = [...this.#places];
    const streams = places.reduce((sum, place) => sum + place.streams, 0);
    const { maxStreams, streamsPerChild } = this.#limits;
    if (streams >= maxStreams) {
      throw new CrossfadeError(
        'SESSION_LIMIT',
        `Expected at most ${maxStreams} streams at once, got one more. Wait for one to end, or use another engine.`,
      );
    }
    // The fullest first, so that processes fall idle and can go.
    const roomy = places.filter((place) => place.streams < streamsPerChild);
    const place = roomy.toSorted((a, b) => b.streams - a.streams)[0] ?? this.#start();
    place.streams += 1;
    return place;
  }

  #start(): Place {
    const start = async (): Promise<EngineChild> => {
      const program = await this.#program();
      return EngineChild.start(program, this.#clock, () => this.#places.delete(place));
    };
    const place: Place = { child: start(), streams: 0 };
    this.#places.add(place);
    place.child.then(
      (child) => {
        place.started = child;
        if (this.#closed) void child.stop();
      },
      () => this.#places.delete(place),
    );
    return place;
  }

  #release(place: Place): void {
    place.streams -= 1;
    if (place.streams > 0 || !this.#places.has(place)) return;
    const idle = [...this.#places].filter(({ streams }) => streams === 0);
    if (idle.length > this.#limits.idleChildren) void this.#stop(place);
  }

  async #stop(place: Place): Promise<void> {
    this.#places.delete(place);
    const child = await place.child.catch(() => undefined);
    await child?.stop();
  }
}
