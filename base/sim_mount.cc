#include "base/sim_mount.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "base/disk_path.h"

namespace gfs {

class SimDiskLock final : public DiskLock {
 public:
  SimDiskLock(std::weak_ptr<SimMount> mount, std::string path, std::uint64_t number)
      : mount_(std::move(mount)), path_(std::move(path)), number_(number) {}
  ~SimDiskLock() override {
    if (std::shared_ptr<SimMount> mount = mount_.lock()) mount->unlock(path_, number_);
  }

 private:
  const std::weak_ptr<SimMount> mount_;
  const std::string path_;
  const std::uint64_t number_;
};

void SimMount::start(std::unique_ptr<Operation> operation) {
  const SimDisk::Faults& faults = disk_.faults_;
  Duration latency = faults.latency_min;
  if (faults.latency_max > faults.latency_min) {
    auto span = static_cast<std::uint64_t>((faults.latency_max - faults.latency_min).count());
    latency += Duration(static_cast<Duration::rep>(random().below(span + 1)));
  }
  std::uint64_t number = ++last_number_;
  in_flight_.emplace(number, std::move(operation));
  node_.after(latency, [mount = weak_from_this(), number] {
    if (std::shared_ptr<SimMount> living = mount.lock()) living->finish(number);
  });
}

void SimMount::finish(std::uint64_t number) {
  auto found = in_flight_.find(number);
  if (found == in_flight_.end()) return;
  std::unique_ptr<Operation> operation = std::move(found->second);
  in_flight_.erase(found);
  operation->finish(*this);
}

Result<> SimMount::fault(Operation& operation) {
  const SimDisk::Faults& faults = disk_.faults_;
  if (faults.fail_all) return fail(Code::io_error, "{}: the simulated disk is gone", operation.path);
  const bool changes = operation.kind == Kind::write || operation.kind == Kind::change;
  if (faults.read_only && changes) return fail(Code::read_only, "{}: the simulated disk is read-only", operation.path);
  if (operation.kind == Kind::read && faults.read_error > 0 && random().chance(faults.read_error)) {
    return fail(Code::io_error, "cannot read {}: simulated", operation.path);
  }
  if (operation.kind == Kind::write && faults.write_error > 0 && random().chance(faults.write_error)) {
    if (random().chance(0.5)) operation.crash(random().chance(0.5));
    return fail(Code::io_error, "cannot write {}: simulated", operation.path);
  }
  return {};
}

Future<void> SimMount::sync_file(std::string path, SimPlatter::NodePointer node) {
  double error = disk_.faults_.sync_error;
  bool fails = error > 0 && random().chance(error);
  bool at_once = !fails && random().chance(0.5);
  if (at_once && alive_ && !disk_.faults_.fail_all) node->data.sync();
  Work<void> work = [this, path, node = std::move(node), fails, at_once](bool) -> Result<> {
    if (fails) {
      node->data.sync_failed(random());
      return fail(Code::io_error, "cannot sync {}: simulated", path);
    }
    if (!at_once) node->data.sync();
    return {};
  };
  return begin<void>(Kind::sync, std::move(path), std::move(work));
}

Result<> SimMount::sync_directory(const std::string& path) {
  double error = disk_.faults_.sync_error;
  if (error > 0 && random().chance(error)) return fail(Code::io_error, "cannot sync directory {}: simulated", path);
  return platter().sync_directory(path);
}

void SimMount::end() {
  if (!std::exchange(alive_, false)) return;
  std::vector<std::unique_ptr<Operation>> left;
  for (auto& [number, operation] : in_flight_) left.push_back(std::move(operation));
  in_flight_.clear();
  random().shuffle(left);
  for (std::unique_ptr<Operation>& operation : left) {
    bool matters = operation->kind == Kind::write || operation->kind == Kind::change || operation->kind == Kind::sync;
    if (matters && !disk_.faults_.fail_all && random().chance(0.5)) operation->crash(random().chance(0.3));
  }
  std::erase(disk_.mounts_, this);
  std::erase_if(disk_.locks_, [this](const auto& lock) { return lock.second.holder == this; });
  // Whoever still waits is told later, not from within this destructor.
  if (!left.empty()) disk_.world_.post([left = std::move(left)] {});
}

Result<std::unique_ptr<DiskLock>> SimMount::lock(const std::string& path) {
  std::string name = disk_path(path);
  if (disk_.locks_.contains(name)) return fail(Code::in_use, "{} is held by another process", name);
  Result<SimPlatter::NodePointer> file = platter().open(name, Disk::Mode::write);
  if (!file) return fail(std::move(file));
  std::uint64_t number = ++disk_.last_lock_;
  disk_.locks_[name] = {.holder = this, .number = number};
  return std::make_unique<SimDiskLock>(weak_from_this(), name, number);
}

void SimMount::unlock(const std::string& path, std::uint64_t number) {
  auto found = disk_.locks_.find(path);
  if (found != disk_.locks_.end() && found->second.number == number) disk_.locks_.erase(found);
}

namespace {

using Kind = SimMount::Kind;

class SimFile final : public File {
 public:
  SimFile(std::shared_ptr<SimMount> mount, SimPlatter::NodePointer node, std::string path, bool writable)
      : mount_(std::move(mount)), node_(std::move(node)), path_(std::move(path)), writable_(writable) {}

  Future<Bytes> read(std::uint64_t offset, std::size_t size) override {
    SimMount::Work<Bytes> work = [node = node_, offset, size](bool) -> Result<Bytes> {
      return Bytes::of(node->data.read(offset, size));
    };
    return mount_->begin<Bytes>(Kind::read, path_, std::move(work));
  }

  Future<void> write(std::uint64_t offset, Bytes bytes) override {
    SimMount* mount = mount_.get();
    auto work = [mount, node = node_, path = path_, writable = writable_, offset,
                 bytes = std::move(bytes)](bool part) -> Result<> {
      if (!writable) return fail(Code::read_only, "{} was opened for reading", path);
      if (offset > kSizeMax || bytes.size() > kSizeMax - offset) {
        return fail(Code::too_large, "cannot write {} bytes at {} of {}", bytes.size(), offset, path);
      }
      std::string_view all = bytes.view();
      if (part) all = all.substr(0, mount->random().below(all.size() + 1) / 4096 * 4096);
      Result<> written = mount->platter().write(*node, offset, all, mount->random());
      if (!written) return fail(written.error().code, "{}: {}", path, written.error().message);
      return {};
    };
    return mount_->begin<void>(Kind::write, path_, std::move(work));
  }

  Future<void> sync() override { return mount_->sync_file(path_, node_); }

  Future<void> truncate(std::uint64_t size) override {
    SimMount* mount = mount_.get();
    SimMount::Work<void> work = [mount, node = node_, path = path_, writable = writable_, size](bool) -> Result<> {
      if (!writable) return fail(Code::read_only, "{} was opened for reading", path);
      if (size > kSizeMax) return fail(Code::too_large, "cannot make {} as long as {}", path, size);
      mount->platter().truncate(*node, size);
      return {};
    };
    return mount_->begin<void>(Kind::write, path_, std::move(work));
  }

  Future<std::uint64_t> size() override {
    SimMount::Work<std::uint64_t> work = [node = node_](bool) -> Result<std::uint64_t> { return node->data.size(); };
    return mount_->begin<std::uint64_t>(Kind::look, path_, std::move(work));
  }

 private:
  static constexpr std::uint64_t kSizeMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

  const std::shared_ptr<SimMount> mount_;
  const SimPlatter::NodePointer node_;
  const std::string path_;
  const bool writable_;
};

class MountedDisk final : public Disk {
 public:
  MountedDisk(SimDisk& disk, Executor& node, std::string boot_id)
      : mount_(std::make_shared<SimMount>(disk, node)), boot_id_(std::move(boot_id)) {}
  ~MountedDisk() override { mount_->end(); }

  Future<std::shared_ptr<File>> open(std::string path, Mode mode) override {
    path = disk_path(path);
    std::weak_ptr<SimMount> mount = mount_;
    SimMount::Work<std::shared_ptr<File>> work = [mount, path, mode](bool) -> Result<std::shared_ptr<File>> {
      std::shared_ptr<SimMount> living = mount.lock();
      Result<SimPlatter::NodePointer> node = living->platter().open(path, mode);
      if (!node) return fail(std::move(node));
      return std::make_shared<SimFile>(living, std::move(*node), path, mode != Mode::read);
    };
    return mount_->begin<std::shared_ptr<File>>(mode == Mode::read ? Kind::look : Kind::change, path, std::move(work));
  }

  Future<std::vector<Entry>> list(std::string directory) override {
    return simple<std::vector<Entry>>(Kind::look, directory,
                                      [directory](SimMount& mount) { return mount.platter().list(directory); });
  }

  Future<bool> exists(std::string path) override {
    return simple<bool>(Kind::look, path,
                        [path](SimMount& mount) -> Result<bool> { return mount.platter().find(path).has_value(); });
  }

  Future<void> make_directories(std::string path) override {
    return simple<void>(Kind::change, path, [path](SimMount& mount) { return mount.platter().make_directories(path); });
  }

  Future<void> rename(std::string source, std::string target) override {
    return simple<void>(Kind::change, source,
                        [source, target](SimMount& mount) { return mount.platter().rename(source, target); });
  }

  Future<void> clone(std::string source, std::string target) override {
    source = disk_path(source);
    target = disk_path(target);
    SimMount::Work<void> work = [mount = mount_.get(), source, target](bool part) {
      return mount->platter().clone(source, target, part, mount->random());
    };
    return mount_->begin<void>(Kind::write, target, std::move(work));
  }

  Future<void> remove(std::string path) override {
    return simple<void>(Kind::change, path, [path](SimMount& mount) { return mount.remove_now(path); });
  }

  Future<void> sync_directory(std::string path) override {
    return simple<void>(Kind::sync, path, [path](SimMount& mount) { return mount.sync_directory(path); });
  }

  Future<Space> space() override {
    return simple<Space>(Kind::look, "", [](SimMount& mount) -> Result<Space> {
      std::uint64_t capacity = mount.platter().capacity();
      std::uint64_t used = std::min(mount.platter().used(), capacity);
      return Space{.capacity = capacity, .available = capacity - used, .read_only = mount.read_only()};
    });
  }

  Future<std::unique_ptr<DiskLock>> lock(std::string path) override {
    return simple<std::unique_ptr<DiskLock>>(Kind::look, path, [path](SimMount& mount) { return mount.lock(path); });
  }

  std::string boot_id() const override { return boot_id_; }

 private:
  template <class T, class Action>
  Future<T> simple(Kind kind, const std::string& path, Action action) {
    std::string checked = disk_path(path);
    SimMount::Work<T> work = [mount = mount_.get(), action = std::move(action)](bool) { return action(*mount); };
    return mount_->begin<T>(kind, std::move(checked), std::move(work));
  }

  const std::shared_ptr<SimMount> mount_;
  const std::string boot_id_;
};

}  // namespace

std::unique_ptr<Disk> mount_sim_disk(SimDisk& disk, Executor& node, std::string boot_id) {
  return std::make_unique<MountedDisk>(disk, node, std::move(boot_id));
}

}  // namespace gfs
