# At install: puts the headers of FROM below TO, but not those of the programs' folders (of serve/ only
# rank/ is a library's), nor those that say "Internal to", which only their own folder includes.
file(GLOB_RECURSE headers RELATIVE ${FROM} ${FROM}/*.h)
list(FILTER headers EXCLUDE REGEX "^(bench|cli|layout|online|plot|report|tune)/")
foreach(header IN LISTS headers)
  if(header MATCHES "^serve/" AND NOT header MATCHES "^serve/rank/")
    continue()
  endif()
  file(STRINGS ${FROM}/${header} internal REGEX "Internal to" LIMIT_COUNT 1)
  if(NOT internal)
    cmake_path(GET header PARENT_PATH folder)
    file(INSTALL ${FROM}/${header} DESTINATION ${TO}/${folder})
  endif()
endforeach()
