#include "app/commands.hpp"

int main(int argc, char** argv) { return guildhall::app::run(argc, argv); }
