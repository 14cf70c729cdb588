// Output: where a command's words go. stdout carries data only; everything else goes to stderr.
//
// Made for eyes on a terminal, for programs in a pipe: names are escaped and coloured only on a terminal, raw
// otherwise. Data is buffered until flush(); a stdout that cannot be written ends the command, quietly if the reader
// went away.
//
// Owned by Session; the calling thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gfs::cli {

using Json = nlohmann::ordered_json;

// File descriptors, so that tests and programs can give their own. Not owned.
struct Streams {
  int input = 0;
  int output = 1;
  int error = 2;
};

// Control characters and broken UTF-8 as \n, \x1b, \xff: a file's name must not drive somebody's terminal.
std::string escape_for_terminal(std::string_view text);

// One line. Bytes that are not UTF-8 become U+FFFD: JSON has no other way.
std::string json_text(const Json& json);

class Output {
 public:
  Output(Streams streams, bool json, bool quiet, bool color);

  bool json() const { return json_; }
  void set_json(bool json) { json_ = json; }
  bool quiet() const { return quiet_; }
  bool to_terminal() const { return to_terminal_; }  // stdout is one
  bool errors_to_terminal() const { return errors_to_terminal_; }
  const Streams& streams() const { return streams_; }
  unsigned width() const;  // columns of the terminal

  void data(std::string_view text);
  void line(std::string_view text);
  void object(Json json);  // adds "v":1 in front
  Result<> flush();
  bool reader_left() const { return reader_left_; }  // whoever read stdout does so no more; since begin_command()
  void begin_command() { reader_left_ = false; }

  // To stderr, with a line end. note() keeps silent with --quiet.
  void note(std::string_view text);
  void error(std::string_view text);
  void raw_error(std::string_view text);

  // A name as this stdout wants it.
  std::string name(std::string_view name) const;
  enum class Color { none, directory, good, warning, bad, faint };
  std::string colored(Color color, std::string_view text) const;        // for stdout
  std::string colored_error(Color color, std::string_view text) const;  // for stderr

 private:
  const Streams streams_;
  bool json_;
  const bool quiet_;
  const bool color_;
  const bool to_terminal_;
  const bool errors_to_terminal_;
  std::string pending_;
  bool reader_left_ = false;
  int broken_ = 0;  // errno of the write that failed
};

// All of it, or the errno.
int write_all(int descriptor, std::string_view bytes);

}  // namespace gfs::cli
