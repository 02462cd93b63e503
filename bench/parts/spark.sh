# Spark reads an entity table whole, and in 35 shards.

# Spark knows no sockets: the server comes back listening on the loopback, to
# whoever has the password, and warm.
listen() {
	spark_password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' ')
	spark_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	psql -c "SET password_encryption = 'scram-sha-256'" -c "ALTER ROLE postgres PASSWORD '$spark_password'"
	sed -i 's/^\(host .*\)trust$/\1scram-sha-256/' "$work/data/pg_hba.conf"
	server "$work/bin/pg_ctl" -D data -l log -w restart -o "-c listen_addresses=127.0.0.1 -p $spark_port" > /dev/null
	export PGPORT=$spark_port
}

part_spark() {
	if ! "$here/test/spark/deps" > "$work/spark.deps" 2>&1; then
		note "spark: $(tail -1 "$work/spark.deps")" ''
		cat "$work/spark.deps" >&2
		return 0
	fi
	once pur
	listen
	psql <<-SQL
	CREATE FOREIGN TABLE spark_purchase (e bigint, id text, customer_id text, amount numeric(18,2), merchant text, at timestamptz)
	SERVER datom OPTIONS (db 'pur', namespace 'purchase');
	SQL
	# At least three of each: the first ones warm the JVM.
	env PATH="$here/build/spark/bin:$PATH" SPARK_LOCAL_IP=127.0.0.1 SPARK_LOCAL_DIRS="$work" PGPASSWORD="$spark_password" \
		python "$here/bench/parts/spark.py" "jdbc:postgresql://127.0.0.1:$spark_port/postgres" pur spark_purchase \
		$((rounds < 3 ? 3 : rounds)) > "$work/spark" 2> "$work/spark.err" || { tail -40 "$work/spark.err" >&2; return 1; }
	local what whole shards rows
	while read -r what whole shards rows; do
		note "Spark, $what: $rows rows" ''
		figure "Spark, 35 partitions on 2 cores against one, $what" "$shards" "$whole" s times "$([ "$what" != all ] || echo '<= 1.3')"
	done < "$work/spark"
}
