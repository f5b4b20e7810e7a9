import { hearTones } from './acceptance.fixture.ts';
import { startListenServer } from './listen-server.fixture.ts';

/** A server of its own process, for tests that kill it: `node … listen-server-main.fixture.ts PORT`. */
await startListenServer({ wordsOf: (_session, audio) => hearTones(audio) }, Number(process.argv[2]));
