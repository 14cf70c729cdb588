#include "base/sim_disk.h"

#include <algorithm>
#include <utility>

#include "base/disk_path.h"
#include "base/sim_mount.h"

namespace gfs {

namespace {

std::string new_boot_id(Random& random) { return fmt::format("{:016x}{:016x}", random.next(), random.next()); }

}  // namespace

SimDisk::SimDisk(SimExecutor& world, std::uint64_t seed) : world_(world), random_(seed) {
  boot_id_ = new_boot_id(random_);
}

SimDisk::~SimDisk() { CHECK(mounts_.empty(), "a simulated disk outlives its mounts"); }

std::unique_ptr<Disk> SimDisk::mount(Executor& node) { return mount_sim_disk(*this, node, boot_id_); }

void SimDisk::power_cut() {
  for (SimMount* mount : std::vector<SimMount*>(mounts_)) mount->end();
  platter_.power_cut(random_);
  boot_id_ = new_boot_id(random_);
}

bool SimDisk::flip_bit(const std::string& path, std::uint64_t byte_offset, unsigned bit) {
  Result<SimPlatter::NodePointer> node = platter_.find(path);
  return node && !(*node)->is_directory && (*node)->data.flip_bit(byte_offset, bit);
}

std::optional<std::string> SimDisk::read_now(const std::string& path) const {
  Result<SimPlatter::NodePointer> node = platter_.find(path);
  if (!node || (*node)->is_directory) return std::nullopt;
  return (*node)->data.read(0, (*node)->data.size());
}

void SimDisk::note_removal(const std::string& path) {
  if (!keep_removed_ || !path.starts_with(*keep_removed_)) return;
  if (std::optional<std::string> content = read_now(path)) removed_[path] = std::move(*content);
}

std::vector<std::string> SimDisk::files() const {
  std::vector<std::string> paths;
  platter_.walk([&](const std::string& path, SimPlatter::Node&) { paths.push_back(path); });
  return paths;
}

}  // namespace gfs
