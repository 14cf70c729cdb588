#include "chunkserver/disk_health.h"

#include <algorithm>

namespace gfs::chunkserver {

namespace {

constexpr std::uint64_t kSyncsToKnow = 32;
// Slow from eight times the past on, if that is felt; no more below four times.
constexpr double kSlowFrom = 8, kSlowUntil = 4, kFelt = 0.2;
constexpr double kPastWeight = 1.0 / 256, kLatelyWeight = 1.0 / 4;

}  // namespace

void DiskHealth::note(Action action, const Error* error, Duration took, Instant now) {
  if (error == nullptr) {
    if (action == Action::sync) note_sync(took);
    return;
  }
  if (error->code == Code::no_space) full_ = error->message;
  if (error->code == Code::read_only && action == Action::write) refused_ = error->message;
  if (error->code != Code::io_error) return;
  ++errors_;
  last_error_ = error->message;
  if (settings_.errors_max == 0) return;
  recent_.push_back(now);
  while (recent_.size() > settings_.errors_max) recent_.pop_front();
}

void DiskHealth::note_sync(Duration took) {
  const double seconds = std::chrono::duration<double>(took).count();
  ++syncs_;
  if (syncs_ == 1) past_ = lately_ = seconds;
  lately_ += (seconds - lately_) * kLatelyWeight;
  if (syncs_ < kSyncsToKnow) {
    past_ += (seconds - past_) / static_cast<double>(syncs_);
    return;
  }
  slow_ = lately_ > kFelt && lately_ > past_ * (slow_ ? kSlowUntil : kSlowFrom);
  if (!slow_) past_ += (seconds - past_) * kPastWeight;
}

void DiskHealth::note_space(const Result<Disk::Space>& space) {
  if (space) {
    absent_ = 0;
    if (space->read_only) refused_ = "it is mounted read-only";
    return;
  }
  const Code code = space.error().code;
  if (code != Code::not_found && code != Code::io_error) return;
  ++absent_;
  absent_reason_ = space.error().message;
}

void DiskHealth::note_probe(const Result<>& probe) {
  if (probe) {
    refused_.clear();
    full_.clear();
  } else if (probe.error().code == Code::no_space) {
    full_ = probe.error().message;
  } else if (probe.error().code == Code::read_only || probe.error().code == Code::io_error ||
             probe.error().code == Code::corrupt) {
    refused_ = probe.error().message;
  }
}

void DiskHealth::fail(std::string reason) {
  if (gone_.empty()) gone_ = reason.empty() ? absent_reason_ : std::move(reason);
}

bool DiskHealth::too_many_errors(Instant now) const {
  return settings_.errors_max > 0 && recent_.size() >= settings_.errors_max &&
         now - recent_.front() < settings_.errors_within;
}

bus::DiskState DiskHealth::state(Instant now) const {
  if (failed()) return bus::DiskState::failed;
  if (!refused_.empty() || too_many_errors(now)) return bus::DiskState::read_only;
  return slow_ ? bus::DiskState::slow : bus::DiskState::ok;
}

std::string DiskHealth::reason(Instant now) const {
  if (failed()) return gone_;
  if (!refused_.empty()) return refused_;
  if (too_many_errors(now)) return fmt::format("{} errors within an hour, the last: {}", recent_.size(), last_error_);
  if (slow_) return fmt::format("a sync takes {:.0f} ms, it used to be {:.0f}", lately_ * 1000, past_ * 1000);
  return full_;
}

}  // namespace gfs::chunkserver
