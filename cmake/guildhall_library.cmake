# guildhall_library, guildhall_public_library: one library a folder, linked to just what it may use.
# Folders may be absent and may appear later: Ninja looks again before each build.

set(GUILDHALL_SOURCE_ROOT "${PROJECT_SOURCE_DIR}/src")

# Bodies of Asio and Beast, and the precompiled header that all targets but tests reuse.
add_library(guildhall_asio_beast STATIC "${PROJECT_SOURCE_DIR}/cmake/asio_beast.cpp")
target_precompile_headers(guildhall_asio_beast PRIVATE "${PROJECT_SOURCE_DIR}/cmake/pch.hpp")
target_link_libraries(guildhall_asio_beast PUBLIC Boost::headers Threads::Threads OpenSSL::SSL)

# GoogleTest's main(), and the precompiled header of tests. Two thirds of a test's compile time are the optimizer and
# the code generator; the libraries that it tests are optimized as in the preset.
if(GTest_FOUND)
    add_library(guildhall_googletest STATIC EXCLUDE_FROM_ALL "${PROJECT_SOURCE_DIR}/cmake/googletest.cpp")
    target_precompile_headers(guildhall_googletest PRIVATE "${PROJECT_SOURCE_DIR}/cmake/googletest.hpp")
    target_compile_options(guildhall_googletest PUBLIC -O0)
    target_link_libraries(guildhall_googletest PUBLIC guildhall_asio_beast GTest::gmock GTest::gtest GTest::gtest_main)
endif()

# All generated headers, for what reads sources without building them (clang-tidy, the check of headers).
add_custom_target(guildhall_generated)

# Gives `target` the include root src/ and the precompiled header of `owner`.
function(guildhall_compile target owner)
    target_include_directories(${target} PRIVATE "${GUILDHALL_SOURCE_ROOT}" "${PROJECT_BINARY_DIR}/generated")
    target_precompile_headers(${target} REUSE_FROM ${owner})
    target_link_libraries(${target} PRIVATE ${owner})
endfunction()

# Those of `names` that are targets: a folder that does not exist yet is nobody's dependency.
function(guildhall_existing_targets result)
    set(existing "")
    foreach(name IN LISTS ARGN)
        if(TARGET ${name})
            list(APPEND existing ${name})
        endif()
    endforeach()
    set(${result} ${existing} PARENT_SCOPE)
endfunction()

# guildhall_library(platform_sql FOLDER platform/sql DEPENDS platform_async platform_base PRIVATE SQLite::SQLite3)
#
# Makes the library of src/<FOLDER> from the *.cpp there and in its subfolders, without public/ (an INTERFACE library if
# there are none). By default, FOLDER is the name with its first _ replaced by /. DEPENDS: our libraries whose headers
# the headers of this one may include. PUBLIC, PRIVATE: packages. Files in migrations/ and assets/ are embedded, see
# guildhall_embed.
function(guildhall_library name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "FOLDER" "DEPENDS;PUBLIC;PRIVATE")
    if(NOT arg_FOLDER)
        string(REGEX REPLACE "^([a-z]+)_" "\\1/" arg_FOLDER "${name}")
    endif()
    set(folder "${GUILDHALL_SOURCE_ROOT}/${arg_FOLDER}")
    file(GLOB headers CONFIGURE_DEPENDS "${folder}/*.hpp" "${folder}/*/*.hpp")
    file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.cpp" "${folder}/*/*.cpp")
    file(GLOB public CONFIGURE_DEPENDS "${folder}/public/*")
    list(REMOVE_ITEM headers ${public})
    list(REMOVE_ITEM sources ${public})
    if(NOT headers AND NOT sources)
        return()
    endif()
    guildhall_existing_targets(dependencies ${arg_DEPENDS})
    if(NOT sources)
        add_library(${name} INTERFACE)
        target_link_libraries(${name} INTERFACE ${dependencies} ${arg_PUBLIC} ${arg_PRIVATE})
        return()
    endif()
    add_library(${name} STATIC ${sources})
    set_target_properties(${name} PROPERTIES UNITY_BUILD ${GUILDHALL_UNITY})
    guildhall_compile(${name} guildhall_asio_beast)
    target_link_libraries(${name} PUBLIC ${dependencies} ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
    guildhall_embed(${name} ${arg_FOLDER} migrations)
    guildhall_embed(${name} ${arg_FOLDER} assets)
endfunction()

# Puts the files of src/<folder>/<kind>/ into the program: target may include "<folder>/<kind>.hpp", which defines
# guildhall::<last part of folder>::kMigrations (kAssets), a constexpr array of {file name, text} in order of name.
function(guildhall_embed target folder kind)
    file(GLOB files CONFIGURE_DEPENDS "${GUILDHALL_SOURCE_ROOT}/${folder}/${kind}/*")
    if(NOT files)
        return()
    endif()
    guildhall_embed_files(${target} ${folder} ${kind} ${files})
endfunction()

# The same for files that are named, such as files that the build makes.
function(guildhall_embed_files target folder kind)
    set(files ${ARGN})
    cmake_path(GET folder FILENAME namespace)
    set(header "${PROJECT_BINARY_DIR}/generated/${folder}/${kind}.hpp")
    add_custom_command(
        OUTPUT "${header}"
        COMMAND ${CMAKE_COMMAND} "-DFILES=${files}" "-DHEADER=${header}" "-DNAMESPACE=${namespace}" "-DKIND=${kind}"
                -P "${PROJECT_SOURCE_DIR}/cmake/embed.cmake"
        DEPENDS ${files} "${PROJECT_SOURCE_DIR}/cmake/embed.cmake"
        COMMENT "Embedding ${folder}/${kind}"
        VERBATIM)
    target_sources(${target} PRIVATE "${header}")
    add_custom_target(${target}_${kind} DEPENDS "${header}")
    add_dependencies(guildhall_generated ${target}_${kind})
    add_dependencies(${target} ${target}_${kind})
endfunction()
