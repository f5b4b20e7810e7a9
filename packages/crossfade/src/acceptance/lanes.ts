/** Runs tasks in lanes: so many at once, each lane one after the other. Rejects with the first that does. */
export async function inLanes<T>(
  tasks: Iterator<T>,
  lanes: number,
  run: (task: T, lane: number) => Promise<void>,
): Promise<void> {
  const lane = async (place: number): Promise<void> => {
    for (let next = tasks.next(); next.done !== true; next = tasks.next()) await run(next.value, place);
  };
  await Promise.all(Array.from({ length: lanes }, (_, place) => lane(place)));
}
