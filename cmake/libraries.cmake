# Third-party libraries, all Debian packages (scripts/packages lists them).
find_package(Threads REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS filesystem)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
# Not by pkg-config: its flags for libzmq differ between the first configuration and the next, and everything would be
# built again.
find_library(ZMQ zmq REQUIRED)
find_library(EDIT edit REQUIRED)
find_library(ISAL isal REQUIRED)
find_path(MSGPACK_INCLUDE msgpack.hpp REQUIRED)
find_path(TOML_INCLUDE toml++/toml.h REQUIRED)
find_path(CLI11_INCLUDE CLI/CLI.hpp REQUIRED)
find_path(JSON_INCLUDE nlohmann/json.hpp REQUIRED)

add_library(gfs_lib_base INTERFACE)
target_link_libraries(gfs_lib_base INTERFACE spdlog::spdlog fmt::fmt Boost::filesystem ${ISAL} Threads::Threads)
target_include_directories(gfs_lib_base SYSTEM INTERFACE ${TOML_INCLUDE})

add_library(gfs_lib_bus INTERFACE)
target_link_libraries(gfs_lib_bus INTERFACE ${ZMQ})
target_include_directories(gfs_lib_bus SYSTEM INTERFACE ${MSGPACK_INCLUDE})
target_compile_definitions(gfs_lib_bus INTERFACE MSGPACK_NO_BOOST)

add_library(gfs_lib_cli INTERFACE)
target_link_libraries(gfs_lib_cli INTERFACE ${EDIT})
target_include_directories(gfs_lib_cli SYSTEM INTERFACE ${CLI11_INCLUDE} ${JSON_INCLUDE})
