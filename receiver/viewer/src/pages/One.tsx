// One item or one trace alone, for what belongs to no session and for links from elsewhere.

import type { FullItem } from '../api.js';
import { useData } from '../data.js';
import { Copy, Failed, Loading } from '../parts/bits.js';
import { Detail } from '../parts/Detail.js';
import { Waterfall } from '../parts/Waterfall.js';

export function ItemPage({ id }: { id: string }) {
  const { data, error } = useData<FullItem>(`/api/items/${encodeURIComponent(id)}`);
  if (!data) return error ? <Failed error={error} /> : <Loading />;
  return <div class="alone"><Detail item={data} /></div>;
}

export function TracePage({ id }: { id: string }) {
  return (
    <div class="alone">
      <p class="facts"><code>{id}</code> <Copy value={id} /></p>
      <Waterfall id={id} />
    </div>
  );
}
