# Language, warnings, definitions and sanitizers. They are the same for every target, because all targets share one
# precompiled header, and Clang refuses a header that was compiled with other flags.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

option(GUILDHALL_BENCHMARKS "Build bench/" OFF)
option(GUILDHALL_FUZZ "Link tests/fuzz with libFuzzer instead of the replay program" OFF)
option(GUILDHALL_UNITY "Compile the files of each library in batches: less CPU from nothing, more after an edit" OFF)
option(GUILDHALL_WERROR "Warnings are errors" ON)
set(GUILDHALL_SANITIZE "" CACHE STRING "Value of -fsanitize=, empty for none")

# `--preset` names Clang 19 because GCC 12 destroys temporaries in co_await expressions twice.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
    message(FATAL_ERROR "Guildhall needs Clang 19 or newer; configure with: cmake --preset dev")
endif()

add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wunused-result -fno-omit-frame-pointer)
if(GUILDHALL_WERROR)
    add_compile_options(-Werror)
endif()
add_compile_options(-ffunction-sections -fdata-sections -pthread)
add_link_options(-fuse-ld=lld -pthread -Wl,--gc-sections -Wl,--as-needed)

add_compile_definitions(
    BOOST_ASIO_SEPARATE_COMPILATION
    BOOST_BEAST_SEPARATE_COMPILATION
    BOOST_ASIO_NO_DEPRECATED
    BOOST_ALL_NO_LIB
    BOOST_CONTAINER_DYN_LINK
    BOOST_JSON_DYN_LINK
    BOOST_URL_DYN_LINK
    SPDLOG_COMPILED_LIB
    SPDLOG_SHARED_LIB
    SPDLOG_FMT_EXTERNAL)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
    # Blocks that Asio keeps for the next coroutine frame. A request has about ten frames at once; with Asio's two, the
    # others come from aligned_alloc, which knows no cache of the thread.
    add_compile_definitions(BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=16)
else()
    add_compile_definitions(_GLIBCXX_ASSERTIONS)
endif()

if(GUILDHALL_SANITIZE)
    # Every finding ends the test, also those of UBSan.
    add_compile_options("-fsanitize=${GUILDHALL_SANITIZE}" -fno-sanitize-recover=all)
    add_link_options("-fsanitize=${GUILDHALL_SANITIZE}")
endif()

# A precompiled header and ccache get along only when the header carries no time stamp and ccache does not look for one.
add_compile_options(-Xclang -fno-pch-timestamp)
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER
        ${CMAKE_COMMAND} -E env
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
endif()
