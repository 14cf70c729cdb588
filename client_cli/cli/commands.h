// Every verb's declaration; each is defined in the file of its name in commands/.
#pragma once

#include "client_cli/cli/command.h"

namespace gfs::cli {

extern const Command kLs, kTree, kStat, kCat, kPut, kGet, kMkdir, kRm, kMv, kCp, kDu, kDf, kTest, kChecksum;
extern const Command kAppend, kRappend, kRecords, kTruncate, kSetpolicy, kGetpolicy, kSetrep;
extern const Command kTrashLs, kTrashRestore, kTrashPurge;
extern const Command kSnapshotCreate, kSnapshotLs, kSnapshotDiff, kSnapshotRestore, kSnapshotRm;
extern const Command kStatus, kHealth, kWhy, kServerLs, kServerInfo, kServerDrain, kServerUndrain, kServerMaint;
extern const Command kServerReplace, kServerForget, kServerOkToStop, kRepairStatus, kRepairLs, kRepairPause,
    kRepairResume, kRepairLimit, kRebalanceStatus, kRebalanceStart, kRebalanceStop;
extern const Command kScrubStatus, kScrubStart, kScrubPause, kScrubResume;
extern const Command kGossip, kChunkLs, kChunkInfo, kChunkVerify, kLeaseLs, kLeaseRevoke;
extern const Command kCheckpointNow, kLogStat, kLogDump, kLogRepair;
extern const Command kGcStatus, kGcLs, kGcAllow, kGcRestore, kGcPurge;
extern const Command kBenchRead, kBenchWrite, kBenchAppend, kBenchMeta;
extern const Command kHelp, kVersion, kCd, kPwd, kHistory, kQuit, kExit;

}  // namespace gfs::cli
