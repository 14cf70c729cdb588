// NameModel: the names one lane of a client has made, as they must be. Other lanes never touch them, and a lane does
// one thing at a time, so what is certain is known exactly.
//
// An operation whose outcome is unknown may still happen later. Its names are never used again; until the end of the
// run they are a doubt: they must look as before it or as after it, all of them together.
//
// Pure; owned by a lane.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bus/messages/types.h"

namespace gfs::sim {

struct Named {
  bus::FileType type = bus::FileType::file;
  InodeId inode;  // 0: not known (made on the way by make_directory with parents)
};
using Names = std::map<std::string, Named>;

// Path and everything beneath it.
bool is_within(const std::string& path, const std::string& directory);
std::string parent_of(const std::string& path);
bool same(const Named& one, const Named& other);

class NameModel {
 public:
  // What an operation does, if it does anything. Empty: it must fail.
  struct Change {
    Names gone, made;
  };

  // Directories that everybody uses and nobody changes.
  explicit NameModel(const std::set<std::string>& common) : common_(common) {}

  const Named* find(const std::string& path) const;
  const Names& names() const { return names_; }
  Names children(const std::string& directory) const;
  // May still be touched by an operation of the past, or contains what may.
  bool doubtful(const std::string& path) const;

  std::optional<Change> create(const std::string& path) const;
  std::optional<Change> make_directory(const std::string& path, bool parents) const;
  std::optional<Change> rename(const std::string& source, const std::string& target, bool replace) const;
  std::optional<Change> remove(const std::string& path, bool recursive) const;

  void apply(const Change& change);
  void learn(const std::string& path, InodeId inode);
  void doubt(const Change& change);

  // "" if the names there really are agree; takes those that are explained out of `left`.
  std::string compare(const Names& really, Names& left) const;

 private:
  struct Doubt {
    Names before, after;
  };

  bool directory(const std::string& path) const;
  Names within(const std::string& path) const;

  const std::set<std::string>& common_;
  Names names_;
  std::vector<Doubt> doubts_;
  std::set<std::string> retired_;
};

}  // namespace gfs::sim
