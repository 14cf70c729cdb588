// The shell's grammar: words, quotes and semicolons. Pure.
//
//   put 'my file' /a\ b; ls /     ->   {put, my file, /a b}  {ls, /}
//
// ' takes everything as it is, " everything but \" and \\, \ the next character; # at the start of a word begins a
// comment.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gfs::cli {

using Words = std::vector<std::string>;

// The commands of one line; empty ones are left out. invalid_argument for an open quote or a trailing backslash.
Result<std::vector<Words>> split_commands(std::string_view line);

// The text as one word of a line, with backslashes where they are needed.
std::string quote_word(std::string_view word);

// The last command of a line that is being typed: what is complete, and the word the cursor is in (maybe "").
struct Typing {
  Words before;
  std::string word;
  std::size_t word_start = 0;  // in the line
  bool operator==(const Typing&) const = default;
};
Typing typing_at_end(std::string_view line);

}  // namespace gfs::cli
