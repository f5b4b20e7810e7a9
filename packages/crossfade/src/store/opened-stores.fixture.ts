import { afterEach } from 'vitest';

/** Opens stores for the tests of one suite, and closes them after each test. */
export function openedStores(): <Store extends { close(): Promise<void> }>(
  opening: Promise<Store>,
) => Promise<Store> {
  const stores: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
  });
  return async (opening) => {
    const store = await opening;
    stores.push(store);
    return store;
  };
}
