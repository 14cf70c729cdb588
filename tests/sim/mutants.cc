#include "tests/sim/mutants.h"

namespace gfs::sim {

namespace {

const std::string kMaster = "master";
const std::string kServer = "chunkserver";
const std::string kClient = "client";

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
      {"seal_locally_only", kServer, "the primary seals without telling the others", "I11", kCrashes},
      {"read_any_version", kServer, "a read is served whatever version is asked for", "I18", kSplits},
      {"read_uncommitted", kServer, "appended bytes are readable before they are committed", "I19", kCrashes},
      {"ignore_suspect", kServer, "a power cut makes no replica suspect", "I05", kPower},
      {"lease_never_checked", kServer, "reads and mutations are served without a session", "I04", kSplits},
      {"floor_ignored",
       kServer,
       "a write that its client has given up is executed",
       "I13",
       {"delay", "partition", "pause", "loss"}},
      {"repeat_executed", kServer, "a repeated append is done again", "I08", kRepeats},
      {"previous_ignored", kServer, "an append is done before the writer's previous one", "I14", kRepeats},
      {"adopt_not_durable", kServer, "a version is held in memory only", "I02", kPower},
      {"base_is_primary", kServer, "the primary's own state is the base, not the most advanced", "I07", kCrashes},
      {"copy_not_atomic", kServer, "what is copied takes effect piece by piece", "I10", kCrashes},
      {"expire_by_own_clock",
       kServer,
       "append records expire by each server's own clock",
       "I12",
       {"clock", "crash_chunkserver"}},
      {"skip_log_sync", kMaster, "the log answers before it is on the disk", "I01", {"power", "crash_master", "loss"}},
      {"skip_version_bump", kMaster, "members change without a new version", "I01", kSplits},
      {"tell_before_log", kMaster, "a configuration is told before it is logged", "I01", kMasterCrash},
      {"forget_joining", kMaster, "a member that joins counts as one that holds the chunk", "I09", kMasterCrash},
      {"no_weighing", kMaster, "every accusation is believed", "I21", kSplits},
      {"shrink_before_reports", kMaster, "members are dropped before they had time to report", "I03", kMasterCrash},
      {"salvage_at_once",
       kMaster,
       "a suspect replica becomes the base though others may return",
       "I05",
       {"power_all", "power_chunkserver", "partition"}},
      {"reuse_requests", kMaster, "a repeated request is executed again", "I15", kRepeats},
      {"two_successors", kMaster, "who asks for a chunk that is there gets a new one in its place", "I11", kRepeats},
      {"seal_not_logged", kMaster, "a seal is answered before it is in the log", "I11", kMasterCrash},
      {"lease_times_ten", kMaster, "servers are told ten times the lease", "I18", kSplits},
      {"retry_with_new_id", kClient, "a repeat goes out under a fresh id", "I08", kRepeats},
      {"floor_never_raised",
       kClient,
       "a new write does not give up those before it",
       "I13",
       {"delay", "partition", "pause", "loss"}},
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
