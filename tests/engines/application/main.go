// Shop is a small web service that knows which commit it was built from, and that can be told to go wrong.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Set by the build, with -ldflags "-X main.commit=… -X main.version=…".
var (
	commit  = "unknown"
	version = "unknown"
)

const stale = "0000000000000000000000000000000000000000"

// settings are the ways in which the service can be told to go wrong; an empty one is off.
type settings struct {
	startAfter  time.Duration // SHOP_START_AFTER: nobody listens before
	endAfter    time.Duration // SHOP_END_AFTER: the process ends by itself with 1; 0s is at once
	failAfter   time.Duration // SHOP_FAIL_AFTER: every answer is a 500 from then on
	leak        int           // SHOP_LEAK: megabytes that are kept each second
	staleOneOf  int           // SHOP_STALE_ONE_OF: one of so many neighbouring addresses tells another commit
	schema      int           // SHOP_SCHEMA: what the SQLite file is migrated to
	reads       int           // SHOP_SCHEMA_READS: a file with a newer schema is refused
	schemaFile  string        // SHOP_SCHEMA_FILE
	ends, fails bool
}

func main() {
	log.SetFlags(0)
	told := read()
	if told.ends {
		time.AfterFunc(told.endAfter, func() { log.Fatal("shop: ended by itself, as it was told") })
		if told.endAfter == 0 {
			select {}
		}
	}
	migrate(told)
	time.Sleep(told.startAfter)
	if told.leak > 0 {
		go leak(told.leak)
	}
	started := time.Now()
	answer := func(w http.ResponseWriter, _ *http.Request) {
		if told.fails && time.Since(started) >= told.failAfter {
			http.Error(w, "the shop is broken", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"commit": told.commit(), "version": version})
	}
	http.HandleFunc("/health", answer)
	http.HandleFunc("/version", answer)
	log.Printf("shop %s (%s) listens", version, commit)
	log.Fatal(http.ListenAndServe(":8080", nil))
}

func read() settings {
	told := settings{schemaFile: os.Getenv("SHOP_SCHEMA_FILE")}
	told.startAfter, _ = duration("SHOP_START_AFTER")
	told.endAfter, told.ends = duration("SHOP_END_AFTER")
	told.failAfter, told.fails = duration("SHOP_FAIL_AFTER")
	told.leak = number("SHOP_LEAK")
	told.staleOneOf = number("SHOP_STALE_ONE_OF")
	told.schema = number("SHOP_SCHEMA")
	told.reads = number("SHOP_SCHEMA_READS")
	return told
}

func duration(name string) (time.Duration, bool) {
	text := os.Getenv(name)
	if text == "" {
		return 0, false
	}
	found, err := time.ParseDuration(text)
	if err != nil {
		log.Fatalf("shop: %s: %v", name, err)
	}
	return found, true
}

func number(name string) int {
	text := os.Getenv(name)
	if text == "" {
		return 0
	}
	found, err := strconv.Atoi(text)
	if err != nil {
		log.Fatalf("shop: %s: %v", name, err)
	}
	return found
}

// commit is the one of the build, but for the one replica that was told to tell another.
func (told settings) commit() string {
	if told.staleOneOf > 0 && lastByte()%told.staleOneOf == 0 {
		return stale
	}
	return commit
}

// lastByte is the end of this machine's own address; neighbours have neighbouring ones.
func lastByte() int {
	found, err := net.InterfaceAddrs()
	if err != nil {
		log.Fatalf("shop: %v", err)
	}
	for _, one := range found {
		if network, ok := one.(*net.IPNet); ok && !network.IP.IsLoopback() && network.IP.To4() != nil {
			return int(network.IP.To4()[3])
		}
	}
	return 1
}

// steps bring the file from one schema to the next.
var steps = []string{
	"CREATE TABLE starts (version TEXT NOT NULL)",
	"ALTER TABLE starts ADD COLUMN remark TEXT",
}

// migrate brings the file to this version's schema, and writes down that the version started.
func migrate(told settings) {
	if told.schemaFile == "" {
		return
	}
	found, err := strconv.Atoi(sqlite(told.schemaFile, "PRAGMA user_version"))
	if err != nil {
		log.Fatalf("shop: %s: %v", told.schemaFile, err)
	}
	if found > told.reads {
		log.Fatalf("shop: %s has schema %d, and this version reads %d", told.schemaFile, found, told.reads)
	}
	for next := found + 1; next <= told.schema; next++ {
		sqlite(told.schemaFile, fmt.Sprintf("BEGIN; %s; PRAGMA user_version = %d; COMMIT", steps[next-1], next))
	}
	sqlite(told.schemaFile, fmt.Sprintf("INSERT INTO starts (version) VALUES ('%s')", version))
}

func sqlite(file, question string) string {
	told, err := exec.Command("/usr/bin/sqlite3", "-bail", file, question).CombinedOutput()
	if err != nil {
		log.Fatalf("shop: %s: %v: %s", file, err, told)
	}
	return strings.TrimSpace(string(told))
}

func leak(megabytes int) {
	var kept [][]byte
	for {
		page := make([]byte, megabytes<<20)
		for i := range page {
			page[i] = 1
		}
		kept = append(kept, page)
		time.Sleep(time.Second)
	}
}
