set(DAOGOU_MPIEXEC ${MPIEXEC_EXECUTABLE} --map-by :OVERSUBSCRIBE --bind-to none)
set(DAOGOU_TEST_ENV OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_io=romio321
    OMPI_MCA_mpi_yield_when_idle=1) # a rank that waits leaves its core to the others
set(DAOGOU_UNIT_ENV ${DAOGOU_TEST_ENV})
if(DAOGOU_SANITIZE)
  # An impossible allocation is NULL, as it is without the sanitizer. Open MPI leaks by itself.
  list(APPEND DAOGOU_UNIT_ENV ASAN_OPTIONS=allocator_may_return_null=1)
  list(APPEND DAOGOU_TEST_ENV ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=0)
endif()

# dg_add_unit_test(test_csv LINKS dg_table): one serial Check program, source test_csv.c.
function(dg_add_unit_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;LINKS;LABELS" ${ARGN})
  add_executable(${name} ${name}.c ${T_SOURCES})
  dg_compile_options(${name})
  target_link_libraries(${name} PRIVATE ${T_LINKS} dg_test_support PkgConfig::CHECK)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 240 LABELS "unit;${T_LABELS}" SKIP_RETURN_CODE 77
    ENVIRONMENT "${DAOGOU_UNIT_ENV}")
endfunction()

# dg_add_mpi_test(test_shards RANKS 1 2 3 4 LINKS dg_comm): one collective Check program, per np.
function(dg_add_mpi_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;RANKS;LINKS;LABELS" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 400)
  endif()
  if(NOT T_RANKS)
    set(T_RANKS 1 2 3 4)
  endif()
  add_executable(${name} ${name}.c ${T_SOURCES})
  dg_compile_options(${name})
  target_link_libraries(${name} PRIVATE ${T_LINKS} dg_test_support_mpi PkgConfig::CHECK)
  foreach(np IN LISTS T_RANKS)
    add_test(NAME ${name}.np${np}
      COMMAND ${DAOGOU_MPIEXEC} ${MPIEXEC_NUMPROC_FLAG} ${np} $<TARGET_FILE:${name}>)
    set_tests_properties(${name}.np${np} PROPERTIES PROCESSORS ${np} TIMEOUT ${T_TIMEOUT}
      SKIP_RETURN_CODE 77
      LABELS "mpi;np${np};${T_LABELS}" ENVIRONMENT "CK_FORK=no;${DAOGOU_TEST_ENV}")
  endforeach()
endfunction()
