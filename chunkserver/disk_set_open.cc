// DiskSet, the part that begins: whose directories these are, and what lies on them.
#include <algorithm>

#include "base/log.h"
#include "base/probe.h"
#include "chunkserver/disk_set.h"

namespace gfs::chunkserver {

namespace {

// Nothing is wrong with the disk: the wrong one was named, or the program is too old. Nobody guesses then.
bool is_a_mistake(Code code) {
  return code == Code::conflict || code == Code::wrong_cluster || code == Code::not_formatted || code == Code::in_use ||
         code == Code::wrong_version;
}

}  // namespace

Task<> DiskSet::open(Identity identity, Random& random) {
  identity_ = identity;
  random_ = &random;
  if (slots_.size() > kDisksMax)
    co_await fail(Code::invalid_argument, "{} data directories: {} are the most", slots_.size(), kDisksMax);
  known_ = co_await load_known_disks(*slots_.front().given.disk);
  for (const std::string& name : settings_.forget) {
    const std::size_t gone = std::erase_if(known_, [&](const KnownDisk& one) { return one.name == name; });
    log::info("disk_forgotten", {{"directory", name}, {"known", gone}});
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) co_await open_slot(i);
  for (Slot& slot : slots_) {
    if (slot.id.nil()) slot.id = known_at(slot.given.name);
  }
  // Those that the server was not told of.
  for (const KnownDisk& one : known_) {
    const bool there = std::ranges::any_of(slots_, [&](const Slot& slot) { return slot.id == one.disk; });
    if (there || slots_.size() >= kDisksMax) continue;
    Slot slot;
    slot.given.name = one.name;
    slot.id = one.disk;
    slot.missing = "no --data names it: if its chunks are not to come back, start once with --forget-disk";
    log::warn("disk_failed", {{"directory", one.name}, {"disk", one.disk}, {"reason", slot.missing}});
    slots_.push_back(std::move(slot));
  }
  co_await note_known();
}

// The disk that was in that directory and is in none now; nil: there was none.
DiskId DiskSet::known_at(const std::string& name) const {
  for (const KnownDisk& one : known_) {
    const bool elsewhere = std::ranges::any_of(slots_, [&](const Slot& slot) { return slot.id == one.disk; });
    if (one.name == name && !elsewhere) return one.disk;
  }
  return {};
}

Task<> DiskSet::open_slot(std::size_t number) {
  Slot& slot = slots_[number];
  Result<> opened;
  if (slot.given.disk == nullptr) {
    opened = fail(Code::not_found, "{}", slot.missing);
  } else if (number == 0) {
    slot.id = (co_await label_of(slot)).disk;
    slot.stack = new_stack(slot);
    co_await slot.stack->store.open();
  } else {
    opened = co_await open_other(slot, Boot::same).outcome();
  }
  if (opened) co_return;
  if (is_a_mistake(opened.error().code)) co_await std::move(opened);
  slot.missing = opened.error().message;
  PROBE("a chunkserver began without one of its disks");
  log::error("disk_failed", {{"directory", slot.given.name}, {"disk", slot.id}, {"reason", slot.missing}});
}

Task<> DiskSet::open_other(Slot& slot, Boot boot) {
  Disk& disk = *slot.given.disk;
  slot.lock.reset();
  // Before anything is written into what may be nothing but the place where a file system is mounted at other times.
  const DiskLabel label = co_await label_of(slot);
  slot.lock = co_await disk.lock("LOCK");
  // Perhaps two began with it at once, and it is the other's.
  if ((co_await label_of(slot)).disk != label.disk)
    co_await fail(Code::conflict, "{} was labelled by somebody else just now", slot.given.name);
  slot.id = label.disk;
  std::unique_ptr<Stack> stack = new_stack(slot);
  // What was not synced when it went may be gone, whatever the kernel still remembers.
  if (boot == Boot::another)
    stack->disk.set_boot(
        fmt::format("{:016x}{:016x}{:04x}", random_->next(), random_->next(), random_->below(1 << 16)));
  co_await stack->store.open();
  // What the one before had promised holds until then; what it has begun ends by itself.
  if (slot.stack) retired_.push_back(std::move(slot.stack));
  slot.stack = std::move(stack);
  tidy_due_ = true;
}

std::unique_ptr<DiskSet::Stack> DiskSet::new_stack(Slot& slot) {
  auto stack = std::make_unique<Stack>(executor_, *slot.given.disk, settings_);
  Stack* made = stack.get();
  Slot* of = &slot;
  stack->store.on_damage = [this, of, made](ChunkHandle handle, std::uint32_t block, const std::string& reason) {
    // Not of one that is held by nobody any more, or is newer on another disk.
    const bool counts =
        of->stack.get() != made || (alive(*of) && (holder(handle) == nullptr || holder(handle) == made));
    if (counts && on_damage) on_damage(handle, block, reason);
  };
  stack->store.on_broken = [this, of, made](const Error& error) {
    if (of->stack.get() != made) return;  // opening it failed, or it has been given up
    if (of == &slots_.front() && error.code != Code::read_only) {
      if (on_broken) on_broken(error);
    } else {
      tasks_.spawn(judge(of, error));
    }
  };
  return stack;
}

// Its own; or a new one, if it has none and may have one.
Task<DiskLabel> DiskSet::label_of(Slot& slot) {
  Disk& disk = *slot.given.disk;
  const bool first = &slot == &slots_.front();
  std::optional<DiskLabel> label = co_await load_disk_label(disk);
  if (label) {
    co_await check_label(slot, *label);
    if (label->cluster.nil() && !identity_.cluster.nil()) {
      label->cluster = identity_.cluster;
      co_await save_disk_label(disk, *label);
    }
    co_return *label;
  }
  if (!first) {
    if (co_await disk.exists("identity")) {
      co_await fail(Code::conflict, "{} is the first directory of a server of its own, not one of server {}",
                    slot.given.name, identity_.server);
    }
    if (co_await disk.exists("chunks")) {
      co_await fail(Code::not_formatted, "{} has chunks, but does not say whose: its file 'disk' is missing",
                    slot.given.name);
    }
    for (const KnownDisk& one : known_) {
      if (one.name != slot.given.name) continue;
      slot.id = one.disk;
      co_await fail(Code::not_found,
                    "{} is empty, and disk {} was there before: it is not mounted. If it will not come back, start "
                    "once with --forget-disk {}",
                    one.name, one.disk, one.name);
    }
  }
  DiskLabel made{identity_.server, identity_.cluster, DiskId::random(*random_)};
  co_await save_disk_label(disk, made);
  log::info("disk_labelled", {{"directory", slot.given.name}, {"disk", made.disk}});
  co_return made;
}

Result<> DiskSet::check_label(const Slot& slot, const DiskLabel& label) const {
  if (!label.cluster.nil() && !identity_.cluster.nil() && label.cluster != identity_.cluster) {
    return fail(Code::wrong_cluster, "{} belongs to cluster {}, server {} to cluster {}", slot.given.name,
                label.cluster, identity_.server, identity_.cluster);
  }
  if (label.server != identity_.server) {
    return fail(Code::conflict, "{} is a disk of server {}, not of server {}", slot.given.name, label.server,
                identity_.server);
  }
  for (const Slot& other : slots_) {
    if (&other == &slot || other.id != label.disk || !other.stack) continue;
    return fail(Code::conflict, "{} and {} are the same disk {}, or one is a copy of the other", other.given.name,
                slot.given.name, label.disk);
  }
  return {};
}

// So that a disk that is missing at the next start is missed.
Task<> DiskSet::note_known() {
  std::vector<KnownDisk> now;
  for (std::size_t i = 1; i < slots_.size(); ++i) {
    if (!slots_[i].id.nil()) now.push_back({slots_[i].id, slots_[i].given.name});
  }
  const bool same = std::ranges::equal(now, known_, [](const KnownDisk& one, const KnownDisk& other) {
    return one.disk == other.disk && one.name == other.name;
  });
  if (same && settings_.forget.empty()) co_return;
  known_ = now;
  co_await save_known_disks(*slots_.front().given.disk, std::move(now));
}

Task<> DiskSet::join(ClusterId cluster) {
  identity_.cluster = cluster;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!alive(slots_[i]) || slots_[i].id.nil()) continue;
    DiskLabel label{identity_.server, cluster, slots_[i].id};
    Disk& disk = *slots_[i].given.disk;
    Result<> saved = co_await save_disk_label(disk, label).outcome();
    if (saved) continue;
    if (i == 0) co_await std::move(saved);
    log::warn("disk_label_not_written", {{"directory", slots_[i].given.name}, {"reason", saved.error().text()}});
  }
}

Task<> DiskSet::close() {
  tasks_.cancel();
  Result<> closed;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!alive(slots_[i])) continue;
    Result<> one = co_await slots_[i].stack->store.close().outcome();
    if (!one && closed) closed = std::move(one);
  }
  co_await std::move(closed);
}

}  // namespace gfs::chunkserver
