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
  plan.names = plan.cuts = 1;
}

// A server that the master does not hear of, and that clients still ask.
void out_of_touch(Plan& plan) {
  hard(plan);
  plan.lease = 2s;
  plan.heartbeat = 200ms;
  plan.layout_age = 30s;
  plan.down_max = 40s;
  plan.data_files = 2;
  plan.writes = plan.kept = plan.reads = 40;
  plan.records = plan.scans = plan.appends = 1;
  plan.deadline = 4s;
}

// Writes that their client gives up soon and repeats in other words, all at the same place.
void given_up(Plan& plan) {
  hard(plan);
  plan.deadline = 1s;
  plan.slow = 0.3;
  plan.delay_max = 50ms;
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

}  // namespace

const std::vector<Mutant>& mutants() {
  static const std::set<std::string> kCrashes = {"crash_chunkserver", "crash_client", "loss", "delay"};
  static const std::set<std::string> kSplits = {"partition", "swizzle", "pause", "loss"};
  static const std::set<std::string> kPower = {"power_chunkserver", "crash_chunkserver", "loss"};
  static const std::set<std::string> kMasterCrash = {"crash_master", "power", "partition", "crash_chunkserver"};
  static const std::set<std::string> kRepeats = {"repeat", "loss", "delay", "crash_client", "partition"};
  static const std::set<std::string> kGrants = {"lost_grants", "crash_chunkserver", "partition"};
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
      {"seal_locally_only", kServer, "the primary seals without telling the others", "I11", kCrashes, crowded},
      {"read_any_version", kServer, "a read is served whatever version is asked for", "I18", kSplits, out_of_touch},
      {"read_uncommitted", kServer, "appended bytes are readable before they are committed", "I19", kCrashes, crowded},
      {"ignore_suspect", kServer, "a power cut makes no replica suspect", "I05", kPower, restless},
      {"lease_never_checked", kServer, "reads and mutations are served without a session", "I04", kSplits,
       out_of_touch},
      {"floor_ignored",
       kServer,
       "a write that its client has given up is executed",
       "I13",
       {"delay", "partition", "pause", "loss"},
       given_up},
      {"repeat_executed", kServer, "a repeated append is done again", "I08", kRepeats},
      {"previous_ignored", kServer, "an append is done before the writer's previous one", "I14", kRepeats, crowded},
      {"adopt_not_durable", kServer, "a version is held in memory only", "I02", kPower},
      {"base_is_primary", kServer, "the primary's own state is the base, not the most advanced", "I07", kCrashes,
       restless},
      {"copy_not_atomic", kServer, "what is copied takes effect piece by piece", "I10", kCrashes, restless},
      {"expire_by_own_clock",
       kServer,
       "append records expire by each server's own clock",
       "I12",
       {"clock", "crash_chunkserver"}},
      {"skip_log_sync", kMaster, "the log answers before it is on the disk", "I01", {"power", "crash_master", "loss"}},
      {"skip_version_bump", kMaster, "members change without a new version", "I01", kSplits},
      {"tell_before_log", kMaster, "a configuration is told before it is logged", "I01", kMasterCrash, restless},
      {"forget_joining", kMaster, "a member that joins counts as one that holds the chunk", "I09", kMasterCrash},
      {"no_weighing", kMaster, "every accusation is believed", "I21", kSplits, restless},
      {"shrink_before_reports", kMaster, "members are dropped before they had time to report", "I03", kMasterCrash,
       restless},
      {"salvage_at_once",
       kMaster,
       "a suspect replica becomes the base though others may return",
       "I05",
       {"power_all", "power_chunkserver", "partition"},
       restless},
      {"reuse_requests", kMaster, "a repeated request is executed again", "I15", kRepeats},
      {"two_successors", kMaster, "who asks for a chunk that is there gets a new one in its place", "I11", kRepeats,
       crowded},
      {"seal_not_logged", kMaster, "a seal is answered before it is in the log", "I11", kMasterCrash},
      {"lease_times_ten", kMaster, "servers are told ten times the lease", "I18", kSplits, out_of_touch},
      {"retry_with_new_id", kClient, "a repeat goes out under a fresh id", "I08", kRepeats},
      {"floor_never_raised",
       kClient,
       "a new write does not give up those before it",
       "I13",
       {"delay", "partition", "pause", "loss"},
       given_up},
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
