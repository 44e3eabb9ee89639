# What the project stands on. All are Debian packages, listed in scripts/packages.txt; each becomes one imported target.
# Those of tests and benchmarks are in scripts/packages-tests.txt; without them, only the program is built.

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url container)
find_package(OpenSSL REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CURL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest)
if(GUILDHALL_BENCHMARKS)
    find_package(benchmark)
endif()

find_package(PkgConfig REQUIRED)
pkg_check_modules(argon2 REQUIRED IMPORTED_TARGET libargon2)
pkg_check_modules(rabbitmq REQUIRED IMPORTED_TARGET librabbitmq)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)

# cjose.pc asks for the development files of jansson, which no header of cjose includes.
find_path(CJOSE_INCLUDE_DIR cjose/cjose.h REQUIRED)
find_library(CJOSE_LIBRARY cjose REQUIRED)
add_library(cjose::cjose UNKNOWN IMPORTED)
set_target_properties(cjose::cjose PROPERTIES
    IMPORTED_LOCATION "${CJOSE_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${CJOSE_INCLUDE_DIR}")
