// What tests include besides cmake/pch.hpp. Of a test's compile time, GoogleTest's headers are a large part.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pch.hpp"
