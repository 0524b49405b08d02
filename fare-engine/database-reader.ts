/** What readers of published views and facts need of a database pool; a `pg.Pool` fits. */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

/** Hands out connections. */
export interface ReaderPool extends Queryable {
  connect(): Promise<Queryable & { release(): void }>;
}

/** Runs reads on one snapshot: figures taken a moment apart would differ without anything being wrong. */
export async function onOneSnapshot<T>(
  pool: ReaderPool,
  read: (client: Queryable) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const result = await read(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

/** Rows of a query in the shape that its text promises. */
export async function rowsOf<R>(client: Queryable, text: string, values: unknown[] = []): Promise<R[]> {
  return (await client.query(text, values)).rows as R[];
}
