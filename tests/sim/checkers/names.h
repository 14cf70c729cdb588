// Names: the namespace behaves as a tree that executes the answered operations one by one. Each group (a directory of
// colliding names) is used by one client at a time, so its operations have one order; an operation whose outcome nobody
// knows doubles the trees that are possible, and every answer must fit at least one of them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/sim/history.h"

namespace gfs::sim {

struct NameOp {
  enum class Kind : std::uint8_t { create, make_directory, rename, remove, exists, list };
  Kind kind = Kind::exists;
  std::string path, target;  // below the group: "/a", "/d/b"; the group itself is ""
  bool flag = false;         // parents, replace, recursive
  std::string text() const;
};

// What was seen, beyond success or failure.
struct NameSeen {
  bool exists = false;
  std::vector<std::string> entries;  // full names below the group; directories end with '/'
  bool operator==(const NameSeen&) const = default;
};

// Path to "is a directory".
using Tree = std::map<std::string, bool>;

// The model: changes the tree, or says why not. Code::ok for success.
Code apply_to_tree(Tree& tree, const NameOp& op, NameSeen& seen);

// A failure that speaks of the names, as opposed to one of the way there.
bool speaks_of_names(Code code);

class NameChecker {
 public:
  NameChecker(History& history, std::size_t groups) : history_(history), possible_(groups, {Tree{}}) {}

  void answered(std::size_t group, const NameOp& op, const Result<NameSeen>& answer);
  // The client died meanwhile.
  void unknown(std::size_t group, const NameOp& op);
  std::size_t most_possible() const { return most_possible_; }

 private:
  void fault(std::size_t group, const NameOp& op, const std::string& answer);

  History& history_;
  std::vector<std::set<Tree>> possible_;  // empty: found wrong before, judged no more
  std::size_t most_possible_ = 1;
};

}  // namespace gfs::sim
