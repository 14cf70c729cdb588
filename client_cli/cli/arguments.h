// What a verb was given: options and the rest. Parsed once, by the declaration in the verb's own file. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client_cli/cli/words.h"

namespace gfs::cli {

struct Option {
  char letter = 0;         // 0: none
  std::string_view name;   // without "--"; what has() and value() are asked for
  std::string_view value;  // what the value is called; empty: the option takes none
  std::string_view help;
};

class Arguments {
 public:
  // -l -lh -n 3 --count 3 --count=3; "--" ends the options, "-" is none.
  static Result<Arguments> parse(const Words& words, const std::vector<Option>& options);

  bool has(std::string_view option) const { return options_.contains(option); }
  std::string value(std::string_view option, std::string absent = {}) const;
  // invalid_argument names the option and the limits.
  Result<std::uint64_t> number(std::string_view option, std::uint64_t absent, std::uint64_t low,
                               std::uint64_t high) const;
  Result<std::uint64_t> size(std::string_view option, std::uint64_t absent, std::uint64_t high) const;

  const Words& rest() const { return rest_; }
  const std::string& operator[](std::size_t i) const { return rest_[i]; }
  std::size_t count() const { return rest_.size(); }

 private:
  std::map<std::string, std::string, std::less<>> options_;
  Words rest_;
};

}  // namespace gfs::cli
