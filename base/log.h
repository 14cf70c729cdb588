// log: events with fields, on spdlog.  log::info("repair_ordered", {{"chunk", handle}, {"source", server}});
// prints  2026-11-24T02:00:00.123Z info event=repair_ordered chunk=... source=...   (values with spaces are quoted)
//
// Info tells the story of the cluster; a warning is odd but handled; an error means somebody should look. Everything
// goes to stderr. Safe on every thread.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>

namespace gfs::log {

enum class Level { debug, info, warn, error, off };

struct Field {
  template <class T>
  Field(std::string_view field, const T& content) : name(field), value(fmt::format("{}", content)) {}
  std::string_view name;
  std::string value;
};

// Default: info. "off" for tests and the simulator, which keeps a trace of its own.
void set_level(Level level);
Level level();

void write(Level level, std::string_view event, std::initializer_list<Field> fields);

// At most one line per event name and second; the next one says how many were left out. For what a peer can provoke.
void write_limited(Level level, std::string_view event, std::initializer_list<Field> fields);

inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) { write(Level::debug, event, fields); }
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) { write(Level::info, event, fields); }
inline void warn(std::string_view event, std::initializer_list<Field> fields = {}) { write(Level::warn, event, fields); }
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) { write(Level::error, event, fields); }

}  // namespace gfs::log
