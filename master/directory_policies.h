// DirectoryPolicies: the rules that directories have of their own.
//
// A rule holds for everything below its directory, until a directory further down has the same rule of its own. Quotas
// do not replace each other: every one on the way up counts.
//
// Pure: part of the state that the log rebuilds. Namespace owns it, as it knows who is above whom.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"
#include "bus/messages/types.h"

namespace gfs::master {

class DirectoryPolicies {
 public:
  static constexpr std::size_t kMax = 10000;

  // nullptr: it has no rule of its own.
  const bus::Policy* find(InodeId directory) const;
  // Of `change`, what is not kKeep. too_large: so many directories have rules already.
  Result<> change(InodeId directory, const bus::Policy& change);
  void erase(InodeId directory) { policies_.erase(directory); }
  bool empty() const { return policies_.empty(); }

  std::string freeze() const;
  // Adds what freeze() gave; malformed.
  Result<> load(std::string_view piece);
  // Of directories only.
  template <class Exists>
  bool all(Exists exists) const {
    for (const auto& [directory, policy] : policies_) {
      if (!exists(directory)) return false;
    }
    return true;
  }
  std::string dump() const;

 private:
  std::map<InodeId, bus::Policy> policies_;
};

// invalid_argument, naming the rule, for what is no rule's value.
Result<> check_policy(const bus::Policy& policy);

}  // namespace gfs::master
