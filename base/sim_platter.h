// SimPlatter: the files of a simulated disk as two stories at once: what processes see now, and what would be there
// after a power cut.
//
//   bytes:  pages as they are now            + the old content of each page written since the last good sync
//   names:  the tree as it is now            + the tree on the platter, and the changes not yet carried over to it
//
// The rule: whatever was synced is in both; a power cut picks, by the seed, one of the states that the promises of
// base/disk.h allow, and makes it the present. It is as unkind as they permit.
//
// No clock and no errors injected here: base/sim_disk.h adds those. One thread. Ordered containers only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/random.h"
#include "base/result.h"

namespace gfs {

class SimFileData {
 public:
  static constexpr std::uint64_t kPage = 16 * 1024;
  static constexpr std::uint64_t kSector = 512;

  std::uint64_t size() const { return size_; }
  std::uint64_t allocated() const { return allocated_; }
  // What writing there would add to allocated().
  std::uint64_t growth(std::uint64_t offset, std::uint64_t size) const;

  std::string read(std::uint64_t offset, std::uint64_t size) const;
  void write(std::uint64_t offset, std::string_view bytes);
  void truncate(std::uint64_t size);
  void sync();
  // Some pages are taken for clean although they were never written: a later sync does not save them.
  void sync_failed(Random& random);
  void power_cut(Random& random);
  // False where nothing is stored.
  bool flip_bit(std::uint64_t offset, unsigned bit);

 private:
  using Page = std::vector<std::uint8_t>;  // as long as needed; zeros follow
  using Pages = std::map<std::uint64_t, Page>;

  void save(std::uint64_t number);
  void resize(Page& page, std::uint64_t size);
  void cut_pages(std::uint64_t size);

  Pages pages_;
  std::uint64_t size_ = 0;
  std::uint64_t allocated_ = 0;
  Pages saved_;      // pages changed since the last good sync, as they were then
  Pages abandoned_;  // the same, of those a failed sync gave up
  std::uint64_t saved_size_ = 0;
};

class SimPlatter {
 public:
  struct Node;
  using NodePointer = std::shared_ptr<Node>;
  struct Node {
    bool is_directory = false;
    SimFileData data;
    std::map<std::string, NodePointer> now;      // of a directory
    std::map<std::string, NodePointer> durable;  // of a directory
    bool linked = true;                          // has a name now, so that it counts as used space
    std::uint64_t settled = 0;                   // the last power cut that found it
  };

  SimPlatter();

  Result<NodePointer> find(const std::string& path) const;
  Result<NodePointer> open(const std::string& path, Disk::Mode mode);
  Result<std::vector<Disk::Entry>> list(const std::string& path) const;
  Result<> make_directories(const std::string& path);
  Result<> rename(const std::string& source, const std::string& target);
  // `part`: the target is made, and has only some of the bytes.
  Result<> clone(const std::string& source, const std::string& target, bool part, Random& random);
  Result<> remove(const std::string& path);
  Result<> sync_directory(const std::string& path);
  // no_space; a part of the bytes may be in the file then, as on a real disk.
  Result<> write(Node& node, std::uint64_t offset, std::string_view bytes, Random& random);
  Result<> truncate(Node& node, std::uint64_t size);

  void power_cut(Random& random);

  void set_capacity(std::uint64_t bytes) { capacity_ = bytes; }
  std::uint64_t capacity() const { return capacity_; }
  std::uint64_t used() const { return used_; }
  // Plain files by path, in order.
  void walk(const std::function<void(const std::string& path, Node& node)>& visit) const;

 private:
  // A change of names that is not yet on the platter. A rename is one change of two names.
  struct Change {
    struct Name {
      NodePointer directory;
      std::string name;
    };
    NodePointer what;
    std::optional<Name> removed;
    std::optional<Name> set;
    void apply() const;
    bool touches(const std::vector<const Node*>& directories) const;
  };
  struct Place {
    NodePointer directory;
    std::string name;
  };

  Result<Place> place(const std::string& path) const;
  void link(const NodePointer& directory, const std::string& name, const NodePointer& node);
  void unlinked(Node& node);

  NodePointer root_;
  std::vector<Change> changes_;
  std::uint64_t capacity_ = std::uint64_t{1} << 40;
  std::uint64_t used_ = 0;
  std::uint64_t cuts_ = 0;
};

}  // namespace gfs
