-- 0013 emptied the vectors, but not the features and the ledger beside them: an ingest that was
-- unfinished then would go on with vectors of its later customers only. It is to begin anew.
update analytics.recommend_runs set state = 'discarded', finished_at = now()
where phase = 'ingest' and state = 'running';
