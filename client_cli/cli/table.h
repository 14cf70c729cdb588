// Table: columns for eyes on a terminal, tab-separated without headings in a pipe.
#pragma once

#include <string>
#include <vector>

#include "client_cli/cli/output.h"

namespace gfs::cli {

class Table {
 public:
  // A heading that begins with '>' is of a column of numbers, set to the right.
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void print(Output& out, bool with_headings = true) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

// "name  value" lines on a terminal, "name<TAB>value" in a pipe.
void print_fields(Output& out, const std::vector<std::pair<std::string, std::string>>& fields);

// Columns of a terminal a text takes: its characters, not its bytes.
std::size_t shown_width(std::string_view text);

}  // namespace gfs::cli
