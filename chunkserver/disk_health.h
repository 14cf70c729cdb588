// DiskHealth: what is thought of one disk, from what its operations came back with.
//
//            syncs take much longer           mounted read-only, a refused write,       looked at twice in a
//            than they used to                10 errors within an hour                  row, and nothing there
//   ok  ────────────────────────►  slow  ────────────────────────►  read_only  ─────────────────────►  failed
//       ◄────────────────────────        ◄──── a good probe, and the hour is over ────              (for good)
//
// The worst that holds counts. Besides, a disk may be full: it said no_space, until a probe finds room.
//
// A disk's slowness is measured against its own past, which does not learn while it is slow; one that was slow from the
// beginning is not noticed.
//
// Pure; owned by DiskSet.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/disk.h"
#include "base/time.h"
#include "bus/messages/types.h"

namespace gfs::chunkserver {

class DiskHealth {
 public:
  struct Settings {
    // So many errors within `errors_within` make a disk read-only: its sectors are failing one after the other. 0: none
    // do.
    std::uint32_t errors_max = 10;
    Duration errors_within = 1h;
  };
  enum class Action : std::uint8_t { look, read, write, sync };

  explicit DiskHealth(Settings settings) : settings_(settings) {}

  // An operation has ended; null: well.
  void note(Action action, const Error* error, Duration took, Instant now);
  void note_space(const Result<Disk::Space>& space);
  // A small file was written, synced and read again.
  void note_probe(const Result<>& probe);
  void fail(std::string reason);

  bus::DiskState state(Instant now) const;
  // Takes mutations.
  bool writable(Instant now) const { return state(now) < bus::DiskState::read_only; }
  bool failed() const { return !gone_.empty(); }
  // Looked at twice in a row, nothing was there: it is to be given up.
  bool absent() const { return absent_ >= kAbsentMax; }
  bool full() const { return !full_.empty(); }
  // Why it is not ok, or full; empty: it is.
  std::string reason(Instant now) const;
  std::uint64_t errors() const { return errors_; }

 private:
  static constexpr int kAbsentMax = 2;

  bool too_many_errors(Instant now) const;
  void note_sync(Duration took);

  Settings settings_;
  std::string gone_, refused_, full_, absent_reason_, last_error_;  // empty: not so
  int absent_ = 0;
  std::uint64_t errors_ = 0;
  std::deque<Instant> recent_;  // the last `errors_max` of them
  std::uint64_t syncs_ = 0;
  double past_ = 0, lately_ = 0;  // seconds a sync takes
  bool slow_ = false;
};

}  // namespace gfs::chunkserver
