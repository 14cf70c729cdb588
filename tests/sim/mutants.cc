#include "tests/sim/mutants.h"

#include <algorithm>

namespace gfs::sim {

namespace {

const std::string kMaster = "master";
const std::string kServer = "chunkserver";
const std::string kClient = "client";

// Many strikes, long ones.
void hard(Plan& plan) {
  plan.chunk_size = 1 << 20;
  plan.append_room = std::min<std::uint64_t>(plan.append_room, 100 << 10);
  plan.append_batch = std::min<std::uint64_t>(plan.append_batch, 64 << 10);
  plan.between_faults = 2s;
  plan.think = 200ms;
  plan.names = plan.cuts = plan.snapshots = 1;
}

// Primaries that acknowledge alone, cut off from the master for a while and asked by clients who have not heard of
// their successors. Seldom asked, or they would notice that their members lag.
void apart(Plan& plan) {
  hard(plan);
  plan.between_faults = 5s;
  plan.down_max = 12s;
  plan.think = 200ms;
  plan.linger = 12s;
  plan.lease = 2s;
  plan.heartbeat = 200ms;
  plan.layout_age = 30s;
  plan.data_files = plan.lone = 3;
  plan.bytes_max = 4 << 10;
  plan.writes = 60;
  plan.kept = plan.reads = plan.records = plan.scans = plan.appends = 1;
  plan.deadline = 4s;
}

// Readers of files kept open, who do not ask the master as often as they should.
void keeping(Plan& plan) {
  hard(plan);
  plan.layout_age = 1s;
  plan.lease = 60s;
  plan.heartbeat = 1s;
  plan.data_files = 1;
  plan.bytes_max = 4 << 10;
  plan.writes = plan.kept = 60;
  plan.reads = plan.records = plan.scans = plan.appends = 1;
  plan.deadline = 4s;
}

// Readers of appends beside a primary that cannot reach all members.
void watched(Plan& plan) {
  hard(plan);
  plan.append_files = 1;
  plan.append_room = 512 << 10;
  plan.record_max = 1 << 10;
  plan.append_in_flight = 16;
  plan.append_batch = 1;
  plan.lease = 60s;
  plan.heartbeat = 1s;
  plan.layout_age = 30s;
  plan.down_max = 20s;
  plan.records = plan.scans = 60;
  plan.writes = plan.appends = plan.reads = 1;
  plan.deadline = 1s;
}

// Writes that their client gives up soon and repeats in other words, all at the same place.
void given_up(Plan& plan) {
  hard(plan);
  plan.deadline = 1s;
  plan.late = plan.loss = 0;
  plan.late_writes = 0.2;
  plan.down_max = 3s;
  plan.data_files = 1;
  plan.bytes_max = 4 << 10;
  plan.writes = 60;
  plan.reads = 20;
  plan.records = plan.scans = plan.appends = 1;
}

// Appends by all to one file, whose chunks are soon full.
void crowded(Plan& plan) {
  hard(plan);
  plan.append_files = 1;
  plan.append_room = 4 << 10;
  plan.record_max = 64 << 10;
  plan.append_in_flight = 64;
  plan.append_batch = 1;
  plan.records = 60;
  plan.scans = 20;
  plan.writes = plan.appends = plan.reads = 1;
  plan.deadline = 4s;
}

// Servers and master that come and go all the time.
void restless(Plan& plan) {
  hard(plan);
  plan.between_faults = 1s;
  plan.down_max = 4s;
  plan.lease = 2s;
  plan.heartbeat = 200ms;
  plan.deadline = 1s;
}

// Members that go and come back all the time, garbage that is collected as soon as it is seen, and orders that come
// late.
void swept(Plan& plan) {
  restless(plan);
  plan.collect_after = 1s;
  plan.late = 0.005;
  plan.repeat = 0.1;
  plan.deadline = 4s;
}

// Few files, snapshots of them all the time.
void pictured(Plan& plan) {
  plan.names = plan.cuts = plan.scans = 1;
  plan.snapshots = 40;
  plan.data_files = 2;
  plan.append_files = 1;
  plan.lone = 0;
  plan.think = 100ms;
  plan.layout_age = 30s;
  plan.chunk_size = 1 << 20;
  plan.append_room = std::min<std::uint64_t>(plan.append_room, 100 << 10);
  plan.append_batch = std::min<std::uint64_t>(plan.append_batch, 64 << 10);
}

}  // namespace

const std::vector<Mutant>& mutants() {
  static const std::set<std::string> kCrashes = {"crash_chunkserver", "crash_client", "loss", "delay"};
  static const std::set<std::string> kSplits = {"partition", "swizzle", "pause", "loss"};
  static const std::set<std::string> kPower = {"power_chunkserver", "crash_chunkserver", "loss"};
  static const std::set<std::string> kHalves = {"split", "partition", "loss"};
  static const std::set<std::string> kCutOff = {"severed"};
  static const std::set<std::string> kLate = {"late", "delay", "loss", "crash_client"};
  static const std::set<std::string> kMasterCrash = {"crash_master", "power", "partition", "crash_chunkserver"};
  static const std::set<std::string> kRepeats = {"repeat", "loss", "delay", "crash_client", "partition"};
  static const std::vector<Mutant> kMutants = {
      {"apply_without_serial_check",
       kServer,
       "a serial is applied whichever is expected",
       "I30",
       {"loss", "repeat", "delay"}},
      {"acknowledge_before_secondaries", kServer, "the primary answers when it has the bytes itself", "I08", kCrashes},
      {"skip_reconcile", kServer, "members adopt a version without being made equal", "I07", kCrashes},
      {"resume_version_after_restart", kServer, "a restarted primary goes on with its version", "I08", kCrashes},
      {"no_fence", kServer, "a member takes mutations of a version older than the one it promised", "I09", kSplits},
      {"records_not_persisted", kServer, "what is remembered of appends is not in the journal", "I08", kCrashes},
      {"records_not_copied", kServer, "making equal copies bytes and not the append records", "I07", kCrashes},
      {"import_skipped", kServer, "the next chunk takes appends without the records of the one before", "I12",
       kCrashes},
      {"repeat_executed", kServer, "a repeated append is done again", "I08", kRepeats},
      {"adopt_not_durable", kServer, "a version is held in memory only", "I02", kPower},
      {"expire_by_own_clock",
       kServer,
       "append records expire by each server's own clock",
       "I12",
       {"clock", "crash_chunkserver"}},
      {"skip_log_sync", kMaster, "the log answers before it is on the disk", "I01", {"power", "crash_master", "loss"}},
      {"skip_version_bump", kMaster, "members change without a new version", "I01", kSplits},
      {"tell_before_log", kMaster, "a configuration is told before it is logged", "I01", kMasterCrash, restless},
      {"forget_joining", kMaster, "a member that joins counts as one that holds the chunk", "I09", kMasterCrash},
      {"reuse_requests", kMaster, "a repeated request is executed again", "I15", kRepeats},
      {"two_successors", kMaster, "who asks for a chunk that is there gets a new one in its place", "I11", kRepeats,
       crowded},
      {"seal_not_logged", kMaster, "a seal is answered before it is in the log", "I11", kMasterCrash},
      {"retry_with_new_id", kClient, "a repeat goes out under a fresh id", "I08", kRepeats},
      {"quorum_acknowledges", kServer, "the primary answers when one other has the bytes", "I08", kCrashes, restless},
      {"order_ignored", kServer, "an append is done whatever its writer sent before", "I14", kLate, crowded},
      {"seal_locally_only", kServer, "the primary seals without telling the others", "I11", kCrashes, crowded},
      {"read_uncommitted", kServer, "appended bytes are readable before they are committed", "I19", kHalves, watched},
      {"ignore_suspect", kServer, "a power cut makes no replica suspect", "I05", kPower, restless},
      {"lease_never_checked", kServer, "reads and mutations are served without a session", "I32", kCutOff, apart},
      {"floor_ignored", kServer, "a write that its client has given up is executed", "I13", kLate, given_up},
      {"shrink_before_reports",
       kMaster,
       "members are dropped before they had time to report",
       "I03",
       {"crash_master", "crash_client"}},
      {"salvage_at_once",
       kMaster,
       "a suspect replica becomes the base though others may return",
       "I05",
       {"power_chunkserver", "crash_chunkserver", "split"},
       restless},
      {"lease_times_ten", kMaster, "servers are told ten times the lease", "I32", kCutOff, apart},
      {"floor_never_raised", kClient, "a new write does not give up those before it", "I13", kLate, given_up},
      {"collect_former_members",
       kMaster,
       "whoever is no member has garbage, settled or not",
       "I26",
       {"crash_chunkserver", "crash_master", "partition", "loss"},
       swept},
      {"collect_any_version",
       kServer,
       "a server puts away what is newer than it was told",
       "I26",
       {"crash_chunkserver", "late", "repeat", "delay", "partition"},
       swept},
      {"frozen_takes_serials",
       kServer,
       "a frozen primary goes on taking mutations",
       "I28",
       {"delay", "loss"},
       pictured},
      {"layouts_kept", kClient, "where chunks are is not asked again", "I18", kHalves, keeping},
  };
  return kMutants;
}

const Mutant* find_mutant(const std::string& name) {
  for (const Mutant& mutant : mutants()) {
    if (mutant.name == name) return &mutant;
  }
  return nullptr;
}

}  // namespace gfs::sim
