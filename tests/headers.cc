// Empty: CMake wants a source beside a precompiled header (tests/CMakeLists.txt).
