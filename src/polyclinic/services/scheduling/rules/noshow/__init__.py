"""How likely a visit is missed: learnt from the house's own visits, with reasons, judged on visits not seen before."""
