// DiskSet, the part that looks at its disks from time to time: what they say of themselves, whether they still take
// what they are given, and whether one that was gone is back.
#include <algorithm>

#include "base/log.h"
#include "base/probe.h"
#include "chunkserver/disk_set.h"

namespace gfs::chunkserver {

namespace {

constexpr Duration kLookEvery = 1s;
constexpr Duration kProbeSoon = 5s;  // a disk that is not ok
constexpr std::size_t kProbeSize = 4096;
constexpr std::size_t kRetiredMax = 16;  // what a disk that was lost leaves in memory until the process ends
constexpr const char* kProbePath = "probe";

// What came back is what was written; the bytes differ from time to time.
Task<> write_and_read(Disk& disk, std::uint64_t number) {
  std::shared_ptr<File> file = co_await disk.open(kProbePath, Disk::Mode::write);
  std::string text = fmt::format("gfs probe {}\n", number);
  text.resize(kProbeSize, '.');
  Bytes bytes = Bytes::of(text);
  co_await file->write(0, std::move(bytes));
  co_await file->sync();
  Bytes got = co_await file->read(0, kProbeSize);
  if (got.view() != text) co_await fail(Code::corrupt, "{}: what was written is not what is read", kProbePath);
}

}  // namespace

Task<> DiskSet::run() {
  std::vector<Task<>> all;
  for (std::size_t i = 0; i < slots_.size(); ++i) all.push_back(watch(i));
  co_await all_of(std::move(all));
}

// A disk that does not answer holds up nobody but this.
Task<> DiskSet::watch(std::size_t number) {
  Slot& slot = slots_[number];
  if (slot.given.disk == nullptr) co_return;  // a restart finds it
  slot.probe_at = executor_.now() + settings_.probe_every;
  while (true) {
    co_await executor_.sleep(kLookEvery);
    slot.busy_since = executor_.now();
    if (alive(slot)) {
      co_await look_at(slot);
    } else {
      co_await take_back(slot);
    }
    slot.busy_since.reset();
  }
}

Task<> DiskSet::look_at(Slot& slot) {
  const bus::DiskState before = state_of(slot);
  Result<Disk::Space> space = co_await slot.stack->store.measure_space().outcome();
  // What answers may be nothing but the place where it was mounted.
  Result<std::optional<DiskLabel>> label = co_await load_disk_label(*slot.given.disk).outcome();
  const bool another = label && (!*label || (*label)->disk != slot.id);
  if (space && another)
    space = fail(Code::not_found, "{}: its file 'disk' is missing, or another one's", slot.given.name);
  slot.stack->health.note_space(space);
  if (slot.stack->health.absent()) {
    lose(slot, {});
    co_return;
  }
  const bool well = before == bus::DiskState::ok && state_of(slot) == before && !slot.stack->health.full();
  if (!well) slot.probe_at = std::min(slot.probe_at, executor_.now() + kProbeSoon);
  if (executor_.now() < slot.probe_at) co_return;
  co_await probe(slot);
  const bus::DiskState after = state_of(slot);
  slot.probe_at = executor_.now() + (after == bus::DiskState::ok && !slot.stack->health.full()
                                         ? settings_.probe_every
                                         : std::min(settings_.probe_every, kProbeSoon));
}

Task<> DiskSet::probe(Slot& slot) {
  Result<> probed = co_await write_and_read(slot.stack->disk, ++probes_).outcome();
  const bus::DiskState before = state_of(slot);
  slot.stack->health.note_probe(probed);
  const bus::DiskState after = slot.stack->health.state(executor_.now());
  if (after == before) co_return;
  PROBE("a probe changed what is thought of a disk");
  log::warn("disk_state", {{"directory", slot.given.name},
                           {"state", static_cast<int>(after)},
                           {"reason", slot.stack->health.reason(executor_.now())}});
}

void DiskSet::lose(Slot& slot, std::string reason) {
  if (slot.stack->health.failed()) return;
  slot.stack->health.fail(std::move(reason));
  const Error error{Code::io_error, slot.stack->health.reason(executor_.now()), {}};
  slot.stack->store.abandon(error);
  log::error("disk_failed", {{"directory", slot.given.name},
                             {"disk", slot.id},
                             {"chunks", slot.stack->store.count()},
                             {"reason", error.message}});
  slot.probe_at = executor_.now() + settings_.probe_every;
  if (&slot == &slots_.front()) {
    if (on_broken) on_broken({Code::io_error, "the first data directory is gone: " + error.message, {}});
    return;
  }
  PROBE("a chunkserver lost a disk and went on");
  if (on_changed) on_changed();
}

// A sync failed. On a disk that still answers that is the end of the process, which comes back and looks at what it
// has; one that has gone altogether costs only what was on it.
Task<> DiskSet::judge(Slot* slot, Error error) {
  Result<Disk::Space> space = co_await slot->given.disk->space().outcome();
  Result<std::optional<DiskLabel>> label = co_await load_disk_label(*slot->given.disk).outcome();
  // One that takes no writes any more refuses to sync them as well: what it has can be read.
  if (error.code == Code::read_only) co_return;
  const bool unknown = !label && label.error().code == Code::overloaded;
  if (space && (unknown || (label && *label && (*label)->disk == slot->id))) {
    if (on_broken) on_broken(error);
    co_return;
  }
  if (slot->stack) lose(*slot, error.message);
}

// The same disk again: what lies there is read anew, as at a start.
Task<> DiskSet::take_back(Slot& slot) {
  if (executor_.now() < slot.probe_at) co_return;
  slot.probe_at = executor_.now() + settings_.probe_every;
  if (slot.stack && (!slot.stack->store.idle() || retired_.size() >= kRetiredMax)) co_return;
  Result<std::optional<DiskLabel>> label = co_await load_disk_label(*slot.given.disk).outcome();
  if (!label || !*label || (!slot.id.nil() && (*label)->disk != slot.id)) co_return;
  Result<> opened = co_await open_other(slot, Boot::another).outcome();
  if (!opened) {
    slot.missing = opened.error().message;
    log::error("disk_not_taken_back", {{"directory", slot.given.name}, {"reason", opened.error().text()}});
    co_return;
  }
  PROBE("a disk that was lost came back");
  log::info("disk_back", {{"directory", slot.given.name}, {"disk", slot.id}, {"chunks", slot.stack->store.count()}});
  if (on_changed) on_changed();
}

Task<> DiskSet::measure_space() {
  Result<Disk::Space> space = co_await first().store.measure_space().outcome();
  if (!space) co_await fail(std::move(space).error());
  first().health.note_space(space);
}

}  // namespace gfs::chunkserver
