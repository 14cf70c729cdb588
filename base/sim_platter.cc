#include "base/sim_platter.h"

#include <algorithm>

#include "base/disk_path.h"

namespace gfs {

void SimPlatter::Change::apply() const {
  if (removed) {
    auto found = removed->directory->durable.find(removed->name);
    if (found != removed->directory->durable.end() && found->second == what) removed->directory->durable.erase(found);
  }
  if (set) set->directory->durable[set->name] = what;
}

bool SimPlatter::Change::touches(const std::vector<const Node*>& directories) const {
  auto among = [&](const std::optional<Name>& name) {
    return name && std::ranges::find(directories, name->directory.get()) != directories.end();
  };
  return among(removed) || among(set);
}

SimPlatter::SimPlatter() : root_(std::make_shared<Node>()) { root_->is_directory = true; }

Result<SimPlatter::NodePointer> SimPlatter::find(const std::string& path) const {
  NodePointer node = root_;
  for (const std::string& part : disk_path_parts(path)) {
    if (!node->is_directory) return fail(Code::not_a_directory, "{}: a part of the path is a file", path);
    auto found = node->now.find(part);
    if (found == node->now.end()) return fail(Code::not_found, "no {} on the simulated disk", path);
    node = found->second;
  }
  return node;
}

Result<SimPlatter::Place> SimPlatter::place(const std::string& path) const {
  std::vector<std::string> parts = disk_path_parts(path);
  if (parts.empty()) return fail(Code::invalid_argument, "the root of a disk stays what it is");
  std::string name = parts.back();
  std::string folder = disk_path(path);
  folder.resize(parts.size() == 1 ? 0 : folder.size() - name.size() - 1);
  Result<NodePointer> directory = find(folder);
  if (!directory) return fail(std::move(directory));
  if (!(*directory)->is_directory) return fail(Code::not_a_directory, "{}: {} is a file", path, folder);
  return Place{std::move(*directory), std::move(name)};
}

void SimPlatter::link(const NodePointer& directory, const std::string& name, const NodePointer& node) {
  directory->now[name] = node;
  changes_.push_back({.what = node, .set = Change::Name{directory, name}});
}

void SimPlatter::unlinked(Node& node) {
  if (!node.linked) return;  // after half a rename it had two names
  node.linked = false;
  used_ -= node.data.allocated();
}

Result<SimPlatter::NodePointer> SimPlatter::open(const std::string& path, Disk::Mode mode) {
  if (disk_path_parts(path).empty()) return fail(Code::is_a_directory, "the root of a disk is a directory");
  Result<Place> where = place(path);
  if (!where) return fail(std::move(where));
  auto found = where->directory->now.find(where->name);
  if (found != where->directory->now.end()) {
    if (mode == Disk::Mode::create_new) return fail(Code::already_exists, "{} is there already", path);
    if (found->second->is_directory) return fail(Code::is_a_directory, "{} is a directory", path);
    return found->second;
  }
  if (mode == Disk::Mode::read) return fail(Code::not_found, "no {} on the simulated disk", path);
  if (used_ >= capacity_) return fail(Code::no_space, "cannot create {}: the simulated disk is full", path);
  NodePointer node = std::make_shared<Node>();
  link(where->directory, where->name, node);
  return node;
}

Result<std::vector<Disk::Entry>> SimPlatter::list(const std::string& path) const {
  Result<NodePointer> directory = find(path);
  if (!directory) return fail(std::move(directory));
  if (!(*directory)->is_directory) return fail(Code::not_a_directory, "{} is a file", path);
  std::vector<Disk::Entry> entries;
  for (const auto& [name, node] : (*directory)->now) {
    entries.push_back({.name = name, .is_directory = node->is_directory, .size = node->data.size()});
  }
  return entries;
}

Result<> SimPlatter::make_directories(const std::string& path) {
  NodePointer node = root_;
  for (const std::string& part : disk_path_parts(path)) {
    auto found = node->now.find(part);
    if (found == node->now.end()) {
      NodePointer made = std::make_shared<Node>();
      made->is_directory = true;
      link(node, part, made);
      node = made;
    } else {
      node = found->second;
    }
    if (!node->is_directory) return fail(Code::not_a_directory, "{}: a part of the path is a file", path);
  }
  return {};
}

Result<> SimPlatter::rename(const std::string& source, const std::string& target) {
  Result<Place> from = place(source);
  if (!from) return fail(std::move(from));
  Result<Place> to = place(target);
  if (!to) return fail(std::move(to));
  auto found = from->directory->now.find(from->name);
  if (found == from->directory->now.end()) return fail(Code::not_found, "no {} on the simulated disk", source);
  NodePointer node = found->second;
  auto existing = to->directory->now.find(to->name);
  if (existing != to->directory->now.end()) {
    Node& replaced = *existing->second;
    if (&replaced == node.get()) return {};
    if (replaced.is_directory && !node->is_directory) return fail(Code::is_a_directory, "{} is a directory", target);
    if (!replaced.is_directory && node->is_directory) return fail(Code::not_a_directory, "{} is a file", target);
    if (!replaced.now.empty()) return fail(Code::not_empty, "{} has entries", target);
    unlinked(replaced);
  }
  if (node->is_directory && (disk_path(target) + "/").starts_with(disk_path(source) + "/")) {
    return fail(Code::invalid_argument, "cannot rename {} into itself", source);
  }
  from->directory->now.erase(found);
  to->directory->now[to->name] = node;
  changes_.push_back({.what = node,
                      .removed = Change::Name{from->directory, from->name},
                      .set = Change::Name{to->directory, to->name}});
  return {};
}

Result<> SimPlatter::clone(const std::string& source, const std::string& target, bool part, Random& random) {
  Result<NodePointer> from = open(source, Disk::Mode::read);
  if (!from) return fail(std::move(from));
  Result<NodePointer> to = open(target, Disk::Mode::write);
  if (!to) return fail(std::move(to));
  if (*from == *to) return fail(Code::invalid_argument, "cannot clone {} to itself", source);
  truncate(**to, 0);
  const std::string bytes = (*from)->data.read(0, (*from)->data.size());
  std::string_view all = bytes;
  if (part) all = all.substr(0, random.below(all.size() + 1) / 4096 * 4096);
  Result<> written = write(**to, 0, all, random);
  if (!written) return fail(written.error().code, "cannot clone {} to {}: {}", source, target, written.error().message);
  return {};
}

Result<> SimPlatter::remove(const std::string& path) {
  Result<Place> where = place(path);
  if (!where) return fail(std::move(where));
  auto found = where->directory->now.find(where->name);
  if (found == where->directory->now.end()) return fail(Code::not_found, "no {} on the simulated disk", path);
  NodePointer node = found->second;
  if (!node->now.empty()) return fail(Code::not_empty, "{} has entries", path);
  where->directory->now.erase(found);
  unlinked(*node);
  changes_.push_back({.what = node, .removed = Change::Name{where->directory, where->name}});
  return {};
}

Result<> SimPlatter::sync_directory(const std::string& path) {
  Result<NodePointer> directory = find(path);
  if (!directory) return fail(std::move(directory));
  if (!(*directory)->is_directory) return fail(Code::not_a_directory, "{} is a file", path);
  // From the last change back, so that what an affected change builds upon goes with it. A rename out of this folder
  // takes its other end along: no order of events may leave the file without any name. A rename into it does not.
  std::vector<const Node*> directories{directory->get()};
  std::vector<Change> going;
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
    if (!change->touches(directories)) continue;
    Change goes = *change;
    bool source_stays = change->set && change->removed && !change->what->is_directory &&
                        std::ranges::find(directories, change->removed->directory.get()) == directories.end();
    if (source_stays) {
      goes.removed.reset();
      change->set.reset();
    } else {
      if (change->set) directories.push_back(change->set->directory.get());
      change->set.reset();
      change->removed.reset();
    }
    going.push_back(std::move(goes));
  }
  for (auto change = going.rbegin(); change != going.rend(); ++change) change->apply();
  std::erase_if(changes_, [](const Change& change) { return !change.set && !change.removed; });
  return {};
}

Result<> SimPlatter::write(Node& node, std::uint64_t offset, std::string_view bytes, Random& random) {
  std::uint64_t grows = node.linked ? node.data.growth(offset, bytes.size()) : 0;
  if (grows > 0 && used_ + grows > capacity_) {
    // As a real disk: the front part may have found room.
    std::string_view part = bytes.substr(0, random.below(bytes.size() + 1) / 4096 * 4096);
    std::uint64_t part_grows = node.data.growth(offset, part.size());
    if (used_ + part_grows <= capacity_) {
      node.data.write(offset, part);
      used_ += part_grows;
    }
    return fail(Code::no_space, "cannot write {} bytes: the simulated disk is full", bytes.size());
  }
  node.data.write(offset, bytes);
  used_ += grows;
  return {};
}

Result<> SimPlatter::truncate(Node& node, std::uint64_t size) {
  std::uint64_t before = node.data.allocated();
  node.data.truncate(size);
  if (node.linked) used_ -= before - node.data.allocated();
  return {};
}

void SimPlatter::power_cut(Random& random) {
  for (const Change& change : changes_) {
    if (random.chance(0.5)) change.apply();
  }
  changes_.clear();
  used_ = 0;
  ++cuts_;
  // The platter's tree is the present now. After half a rename one file may have two names.
  std::function<void(Node&)> settle = [&](Node& node) {
    if (node.settled == cuts_) return;
    node.settled = cuts_;
    node.data.power_cut(random);
    node.linked = true;
    used_ += node.data.allocated();
    node.now = node.durable;
    for (auto& [name, entry] : node.now) settle(*entry);
  };
  settle(*root_);
}

void SimPlatter::walk(const std::function<void(const std::string& path, Node& node)>& visit) const {
  std::function<void(const std::string&, Node&)> down = [&](const std::string& path, Node& node) {
    if (!node.is_directory) return visit(path, node);
    for (auto& [name, entry] : node.now) down(path.empty() ? name : path + "/" + name, *entry);
  };
  down("", *root_);
}

}  // namespace gfs
