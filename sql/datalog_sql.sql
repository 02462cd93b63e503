-- What queries become: exact SQL.
\pset tuples_only on
\pset format unaligned
SELECT datom.create(t) FROM unnest('{people,pur,cus}'::text[]) t;
SELECT datom.define_attribute('people', (':person/' || a)::datom.attribute, t, c, u)
FROM (VALUES ('name', 'string', 'one', NULL), ('email', 'string', 'one', 'identity'),
	('age', 'long', 'one', NULL), ('height', 'double', 'one', NULL), ('salary', 'bigdec', 'one', NULL),
	('born', 'instant', 'one', NULL), ('job', 'keyword', 'one', NULL), ('friend', 'ref', 'many', NULL),
	('boss', 'ref', 'one', NULL), ('alias', 'string', 'many', NULL)) v(a, t, c, u) \g /dev/null
SELECT datom.define_attribute('pur', ':purchase/id', 'string', uniqueness => 'identity'),
	datom.define_attribute('pur', ':purchase/customer-id', 'string'),
	datom.define_attribute('pur', ':purchase/amount', 'bigdec'),
	datom.define_attribute('cus', ':customer/id', 'string', uniqueness => 'identity'),
	datom.define_attribute('cus', ':customer/name', 'string') \g /dev/null
SET datom.db = 'people';

-- patterns on one entity are one scan
SELECT datom.q_sql('[:find ?p :where [?p :person/name]]');
SELECT datom.q_sql('[:find ?p ?n ?a :where [?p :person/name ?n] [?p :person/age ?a]]');
SELECT datom.q_sql('{:find [?job] :in [?name] :where [[?p :person/name ?name] [?p :person/job ?job]]}');
SELECT datom.q_sql('[:find ?p :where [?p :person/name "Ann"] [?p :person/job :job/cook] [?p :person/age 30]]');
SELECT datom.q_sql('[:find ?p :where [?p :person/name ?x] [?p :person/name ?x]]');
SELECT datom.q_sql('[:find ?x :where [?p :person/name ?x] [?p :person/email ?x]]');
SELECT datom.q_sql('[:find ?n :where [1001 :person/name ?n]]');
SELECT datom.q_sql('[:find ?n :where [[:person/email "a@x"] :person/name ?n]]');
SELECT datom.q_sql('[:find ?d :where [:person/name :db/doc ?d]]');

-- others are scans of facts
SELECT datom.q_sql('[:find ?p ?f :where [?p :person/friend ?f]]');
SELECT datom.q_sql('[:find ?p :where [?p :person/alias "A"]]');
SELECT datom.q_sql('[:find ?n ?m :where [?p :person/name ?n] [?p :person/friend ?f] [?f :person/name ?m]]');
SELECT datom.q_sql('[:find ?a ?v :where [1001 ?a ?v]]');
SELECT datom.q_sql('[:find ?e :where [?e ?a "x"]]');
SELECT datom.q_sql('[:find ?e :in ?a :where [?e ?a 5]]', '[":person/age"]');
SELECT datom.q_sql('[:find ?n ?tx :where [?p :person/name ?n ?tx]]');
SELECT datom.q_sql('[:find ?n ?t ?doc :where [?tx :db/doc ?doc] [?p :person/name ?n ?tx] [?tx :db/txInstant ?t]]');
SELECT datom.q_sql('[:find ?p :where [?p :person/boss [:person/email "a@x"]]]');
SELECT datom.q_sql('[:find ?v ?tx ?op :in $h :where [$h 1001 :person/name ?v ?tx ?op]]', '[{"db": "people", "history": true}]');
SELECT datom.q_sql('[:find ?p ?v :in $s :where [$s ?p :person/name ?v]]', '[{"db": "people", "since": "2015-01-01T00:00:00Z"}]');
SELECT datom.q_sql('[:find ?p ?v :in $s $ :where [$s ?p :person/name ?v] [?p :person/age 5]]', '[{"db": "people", "as-of": "2015-01-01T00:00:00Z"}, "people"]');

-- several sources
SELECT datom.q_sql('{:find [?name (max ?amount)] :in [?purchase-id]
	:where [[$pur ?purchase :purchase/id ?purchase-id]
		[$pur ?purchase :purchase/customer-id ?customer-id]
		[$cus ?customer :customer/id ?customer-id]
		[$cus ?customer :customer/name ?name]
		[$pur ?other :purchase/customer-id ?customer-id]
		[$pur ?other :purchase/amount ?amount]]}');

-- a shard
SELECT datom.q_sql('{:find [?purchase ?amount] :in [?shard-index ?shard-count]
	:where [[$pur ?purchase :purchase/amount ?amount] [(mod ?purchase ?shard-count) ?shard-index]]}', '[0, 35]');

-- inputs
SELECT datom.q_sql('[:find ?p :in [?n ?a] :where [?p :person/name ?n] [?p :person/age ?a]]');
SELECT datom.q_sql('[:find ?p :in [?n ...] :where [?p :person/name ?n]]');
SELECT datom.q_sql('[:find ?p ?b :in [[?n ?b]] :where [?p :person/name ?n]]', '[[["Ann", 1], ["Bob", 2.5]]]');
SELECT datom.q_sql('[:find ?x :in ?x]', '[5]');

-- find
SELECT datom.q_sql('[:find [?n ...] :where [_ :person/name ?n]]');
SELECT datom.q_sql('[:find ?n . :where [_ :person/name ?n]]');
SELECT datom.q_sql('[:find [?n ?a] :where [?p :person/name ?n] [?p :person/age ?a]]');
SELECT datom.q_sql('[:find (pull ?p [:person/name {:person/boss [*]}]) :where [?p :person/age 5]]');
SELECT datom.q_sql('[:find ?n ?a :keys name age :where [?p :person/name ?n] [?p :person/age ?a] :limit 10 :offset 20]');
SELECT datom.q_sql('[:find (count ?p) :where [?p :person/name]]');
SELECT datom.q_sql('[:find ?j (sum ?s) (avg ?s) (median ?s) (variance ?s) (stddev ?s) :with ?p :where [?p :person/job ?j] [?p :person/salary ?s]]');
SELECT datom.q_sql('[:find ?j (sum ?s) :where [?p :person/job ?j] [?p :person/salary ?s]]');
SELECT datom.q_sql('[:find (min ?n) (max ?a) (min ?j) (count-distinct ?n) :where [?p :person/name ?n] [?p :person/age ?a] [?p :person/job ?j]]');
SELECT datom.q_sql('[:find (min 2 ?n) (max 3 ?a) (distinct ?n) :with ?p :where [?p :person/name ?n] [?p :person/age ?a]]');
SELECT datom.q_sql('[:find (rand ?n) (rand 2 ?n) (sample 2 ?n) :where [_ :person/name ?n]]');

-- predicates and functions
SELECT datom.q_sql('[:find ?p :where [?p :person/age ?a] [(< 18 ?a 65)] [(!= ?a 30)]]');
SELECT datom.q_sql('[:find ?p :where [?p :person/name ?n] [(>= ?n "B")]]');
SELECT datom.q_sql('[:find ?x :where [?p :person/age ?a] [?p :person/salary ?s] [(* ?s 2 ?a) ?x]]');
SELECT datom.q_sql('[:find ?x ?y ?z :where [?p :person/age ?a] [?p :person/salary ?s] [(* ?s ?a) ?x] [(- ?a 1) ?y] [(/ ?a 2) ?z]]');
SELECT datom.q_sql('[:find ?x ?y ?z ?w :where [?p :person/age ?a] [(+ ?a 1) ?b] [(- 10 ?b) ?x] [(quot ?a 3) ?y] [(rem ?a 3) ?z] [(mod ?a 3) ?w]]');
SELECT datom.q_sql('[:find ?x :where [?p :person/age ?a] [?p :person/height ?h] [(+ ?a ?h) ?x] [(= ?a ?h)]]');
SELECT datom.q_sql('[:find ?x ?y ?n :where [?p :person/name ?s] [?p :person/age ?a] [(str ?s "-" ?a) ?x] [(subs ?s 1 3) ?y] [(count ?s) ?n]]');
SELECT datom.q_sql('[:find ?n ?j :where [?p :person/name ?n] [(get-else $ ?p :person/job :job/none) ?j]]');
SELECT datom.q_sql('[:find ?n ?j :where [?p :person/alias ?n] [(get-else $ ?p :person/age "none") ?j]]');
SELECT datom.q_sql('[:find ?n :where [?p :person/name ?n] [(missing? $ ?p :person/age)] [(missing? $ ?p :person/alias)]]');
SELECT datom.q_sql('[:find ?a ?v :where [?p :person/name ?n] [(get-some $ ?p :person/email :person/name) [?a ?v]]]');
SELECT datom.q_sql('[:find ?t ?x :where [?p :person/name ?n] [?p :person/age ?a] [(tuple ?n ?a) ?t] [(untuple ?t) [?x _]]]');
SELECT datom.q_sql('[:find ?x ?y :where [(ground [[1 "a"] [2 "b"]]) [[?x ?y]]] [(ground [1 2.5M]) [?x ...]]]');
SELECT datom.q_sql('[:find ?u ?w :where [?p :person/name ?n] [(pg_catalog.upper ?n) ?u] [(pg_catalog/string_to_array ?n " ") [?w ...]] [(pg_catalog/starts_with ?n "A")]]');

-- not, or
SELECT datom.q_sql('[:find ?n :where [?p :person/name ?n] (not [?p :person/job :job/cook])]');
SELECT datom.q_sql('[:find ?n :where [?p :person/name ?n] (not-join [?p] [?p :person/friend ?f] [?f :person/name ?n])]');
SELECT datom.q_sql('[:find ?n :where [?p :person/name ?n] (not [(= ?n "Ann")])]');
SELECT datom.q_sql('[:find ?p :where (or [?p :person/name "Ann"] [?p :person/alias "Ann"])]');
SELECT datom.q_sql('[:find ?n :where [?p :person/name ?n] [?p :person/age ?a] (or-join [?p] [?p :person/job :job/cook] (and [?p :person/boss ?b] (not [?b :person/age 3])))]');
SELECT datom.q_sql('[:find ?n :where [?p :person/name ?n] [?p :person/age ?a] (or [(< ?a 18)] [(> ?a 65)])]');
SELECT datom.q_sql('[:find ?n ?x :where [?p :person/name ?n] [?p :person/age ?a] (or-join [[?a] ?x] [(+ ?a 1) ?x] [(- ?a 1) ?x])]');

-- rules
SELECT datom.q_sql('[:find ?n :in % :where (cook ?p) [?p :person/name ?n]]', '["[[(cook ?x) [?x :person/job :job/cook]]]"]');
SELECT datom.q_sql('[:find ?p ?q :in % :where (near ?p ?q)]', '["[[(near ?x ?y) [?x :person/friend ?y]] [(near ?x ?y) [?y :person/boss ?x]]]"]');
SELECT datom.q_sql('[:find ?n :in % :where [?p :person/age ?a] (old ?a) [?p :person/name ?n]]', '["[[(old [?x]) [(> ?x 65)]] [(old [?x]) [(= ?x 60)]]]"]');
SELECT datom.q_sql('[:find ?p ?q :in % :where (below ?p ?q)]', '["[[(below ?a ?b) [?b :person/boss ?a]] [(below ?a ?b) [?c :person/boss ?a] (below ?c ?b)]]"]');
SELECT datom.q_sql('[:find [?q ...] :in ?p % :where (below ?p ?q)]', '[1001, "[[(below ?a ?b) [?b :person/boss ?a]] [(below ?a ?b) [?c :person/boss ?a] (below ?c ?b)]]"]');
SELECT datom.q_sql('[:find [?q ...] :in ?p % :where (below ?p ?q)]', '[1001, "[[(below ?a ?b) [?b :person/boss ?a]] [(below ?a ?b) (below ?a ?c) [?b :person/boss ?c]]]"]');
SELECT datom.q_sql('[:find [?q ...] :in ?p % :where (near ?p ?q)]', '[1001, "[[(near ?a ?b) [?b :person/boss ?a]] [(near ?a ?b) [?a :person/friend ?c] (near ?c ?b)] [(near ?a ?b) [?c :person/friend ?a] (near ?c ?b)]]"]');
SELECT datom.q_sql('[:find ?q ?d :in ?p % :where (far ?p ?q ?d)]', '[1001, "[[(far [?a] ?b ?d) [?b :person/boss ?a] [(ground 1) ?d]] [(far [?a] ?b ?d) [?c :person/boss ?a] (far ?c ?b ?e) [(+ ?e 1) ?d]]]"]');
-- what a rule calls itself with may be of a wider type than what it was called with
SELECT datom.q_sql('[:find ?a ?b :in % :where [_ :person/age ?a] (half ?a ?b)]', '["[[(half [?x] ?y) [(<= ?x 1)] [(str ?x) ?y]] [(half [?x] ?y) [(> ?x 1)] [(/ ?x 2) ?z] (half ?z ?y)]]"]');
SELECT datom.q_json('[:find ?y :in % :where (half 5 ?y)]', '["[[(half [?x] ?y) [(<= ?x 1)] [(* ?x 4) ?y]] [(half [?x] ?y) [(> ?x 1)] [(/ ?x 2) ?z] (half ?z ?y)]]"]');
SELECT datom.q_sql('[:find ?p ?q :in % :where (even ?p ?q)]', '["[[(odd ?a ?b) [?b :person/boss ?a]] [(odd ?a ?b) (even ?a ?c) [?b :person/boss ?c]] [(even ?a ?b) (odd ?a ?c) [?b :person/boss ?c]]]"]');

-- what never holds is left to the planner
SELECT datom.q_sql('[:find ?p :where [?p :person/name 5]]');
SELECT datom.q_sql('[:find ?p :where [?p :person/name ?n] [?p :person/age ?n]]');
